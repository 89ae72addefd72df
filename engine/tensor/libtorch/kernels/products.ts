// Products of matrices and over named axes.
import { invariant } from '../../../core/invariant.js';
import { flagAttr, numberAttr } from '../../ops/attributes.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type Kernel, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';
import { clamp, elu, leakyRelu } from './unary.js';

/**
 * A product with a matrix of one column, as sums along rows: the matrix library gives a row other bits at the end of a
 * matrix.
 */
export function oneColumn(aten: Aten): (a: Handle, b: Handle) => Handle {
  const [multiply, sum] = [aten.op('mul.Tensor'), aten.op('sum.dim_IntList')];
  return (a, b) => sum(multiply(a, aten.swapped(b)), [-1], true, null);
}

/** Transposed operands are read in place. */
function product(aten: Aten, call: Call): (a: Handle, b: Handle) => Handle {
  const [transA, transB] = [flagAttr(call.attrs, 'transposeA'), flagAttr(call.attrs, 'transposeB')];
  const matmul = call.output(0).shape.at(-1) === 1 ? oneColumn(aten) : aten.op('matmul');
  return (a, b) => matmul(transA ? aten.swapped(a) : a, transB ? aten.swapped(b) : b);
}

/** Of two matrices, without a search for what they are. */
function matrixProduct(aten: Aten, call: Call): Kernel {
  const allocate = aten.allocator(call.output(0).shape);
  const same = (x: Handle): Handle => x;
  const [left, right] = ['transposeA', 'transposeB'].map((name, i) =>
    flagAttr(call.attrs, name) ? aten.transposer(call.input(i).shape) : same,
  ) as [typeof same, typeof same];
  return (x, into) => aten.mm(into ?? allocate(), left(handleAt(x, 0)), right(handleAt(x, 1)));
}

/** What layers of TensorFlow.js put behind a product. */
function activated(aten: Aten, call: Call, x: Handle, weights: Handle | undefined): Handle {
  const activation = call.attrs['activation'];
  if (activation === 'relu') return aten.op('relu')(x);
  if (activation === 'relu6') return clamp(aten, x, aten.number(0), aten.number(6));
  if (activation === 'elu') return elu(aten, x);
  if (activation === 'sigmoid') return aten.op('sigmoid')(x);
  if (activation === 'leakyrelu') return leakyRelu(aten, x, aten.number(numberAttr(call.attrs, 'leakyreluAlpha')));
  if (activation === 'prelu' && weights !== undefined) return leakyRelu(aten, x, weights);
  invariant(activation === 'linear', () => `activation ${String(activation)} behind a matrix product is not supported`);
  return x;
}

export const productKernels: KernelTable = {
  BatchMatMul: (aten, call) => {
    const [a, b] = [call.input(0), call.input(1)];
    const isPlain = a.shape.length === 2 && b.shape.length === 2 && a.dtype === 'float32';
    if (isPlain && call.output(0).shape[1] !== 1) return matrixProduct(aten, call);
    const multiply = product(aten, call);
    return (x) => multiply(handleAt(x, 0), handleAt(x, 1));
  },
  Einsum: (aten, call) => {
    const equation = String(call.attrs['equation']).replaceAll(' ', '');
    return (inputs) => aten.op('einsum')(equation, inputs, null);
  },
  _FusedMatMul: (aten, call) => {
    const multiply = product(aten, call);
    return ([a, b, ...rest]) => {
      const weights = call.attrs['activation'] === 'prelu' ? rest.pop() : undefined;
      const y = rest.reduce((sum, bias) => aten.add(sum, bias), multiply(a as Handle, b as Handle));
      return activated(aten, call, y, weights);
    };
  },
};

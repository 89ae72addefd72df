// Matrix products. Transposed operands are read in place by the product's own kernel, except where a transposed copy is
// faster.
import { invariant } from '../../core/invariant.js';
import type { GemmSpec } from '../jit/gemm.js';
import { sizeOf } from '../shape.js';
import { flagAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition, type Operand } from './definition.js';
import { evenSum } from './even-rows.js';
import { at, broadcastShapes } from './shapes.js';

const MICROSOFT = 'com.microsoft';

/** Swaps the last two axes of a value. */
function swapped(e: EmitContext, x: Operand): string {
  const perm = x.shape.map((_, i) => i);
  return e.node('Transpose', [x.name], { perm: [...perm.slice(0, -2), at(perm, -1), at(perm, -2)] });
}

/** Elements from which on an operand does not fit the cache. */
const LARGE_OPERAND = 512 * 1024;

/**
 * Whether a transposed copy of the small operand costs less than reading its columns once per panel of the large one.
 */
const isSmallBesideLarge = (a: Operand, b: Operand): boolean =>
  sizeOf(b.shape) >= LARGE_OPERAND && sizeOf(b.shape) >= 2 * sizeOf(a.shape);

/** A product of float32 operands, at least one of them transposed, where our own kernel does not apply. */
function emitTransposed(e: EmitContext, a: Operand, b: Operand): void {
  const [transA, transB] = [flagAttr(e.attrs, 'transposeA'), flagAttr(e.attrs, 'transposeB')];
  const flags = { transA: Number(transA), transB: Number(transB) };
  if (a.shape.length !== 2 || b.shape.length !== 2) e.finish('FusedMatMul', [a.name, b.name], flags, MICROSOFT);
  else if (transA && !transB && isSmallBesideLarge(a, b)) e.finish('MatMul', [swapped(e, a), b.name]);
  else e.finish('Gemm', [a.name, b.name], flags);
}

/**
 * Output 0 as a product of inputs 0 and 1 in one of our kernels; `rest` are the names of what is added. What two
 * bfloat16 matrices stand for is multiplied without being widened in memory.
 */
export function finishProduct(e: EmitContext, spec: GemmSpec, rest: readonly string[] = []): void {
  const [a, b] = [e.input(0), e.input(1)];
  if (a.half === undefined || b.half === undefined)
    return e.finishKernel({ kind: 'gemm', ...spec }, [a.name, b.name, ...rest]);
  const rounds = e.isOnlyRounded(0);
  e.finishKernel({ kind: 'half gemm', ...spec, rounds }, [a.half, b.half, ...rest], rounds ? [0] : []);
}

/** Whether the result is one column of several rows, whose places in `a` the runtime's own product depends on. */
export const isColumn = (e: EmitContext): boolean => {
  const { shape, dtype } = e.output(0);
  return dtype === 'float32' && at(shape, -1) === 1 && at(shape, -2) > 1 && sizeOf(e.input(0).shape) > 0;
};

/** Output 0 as the product of inputs 0 and 1, the second of one column, as sums along rows; `bias` is added. */
export function finishColumn(e: EmitContext, isRow: boolean, bias: readonly string[] = []): void {
  const [a, b] = [e.input(0), e.input(1)];
  const products = e.node('Mul', [a.name, isRow ? b.name : swapped(e, b)]);
  const shape = [...e.output(0).shape.slice(0, -1), at(a.shape, -1)];
  const sums = evenSum(e, products, shape, [shape.length - 1], true);
  if (bias.length === 0) e.finish('Identity', [sums]);
  else e.finish('Add', [sums, ...bias]);
}

/** Two matrices of floats, with something in them. */
const isPlain = (a: Operand, b: Operand): boolean =>
  a.dtype === 'float32' && a.shape.length === 2 && b.shape.length === 2 && sizeOf(a.shape) > 0 && sizeOf(b.shape) > 0;

export const matmulOps: readonly OpDefinition[] = [
  defineOp({
    name: 'BatchMatMul',
    inputs: ['a', 'b'],
    rounds: { operands: [0, 1], results: [0] },
    infer: (inputs, attrs) => {
      const [a, b] = [at(inputs, 0), at(inputs, 1)];
      const rows = at(a.shape, flagAttr(attrs, 'transposeA') ? -1 : -2);
      const inner = [
        at(a.shape, flagAttr(attrs, 'transposeA') ? -2 : -1),
        at(b.shape, flagAttr(attrs, 'transposeB') ? -1 : -2),
      ];
      invariant(
        inner[0] === inner[1],
        () =>
          `matrix product of [${a.shape.join()}] and [${b.shape.join()}]: inner sizes ${inner.join(' and ')} differ`,
      );
      const columns = at(b.shape, flagAttr(attrs, 'transposeB') ? -2 : -1);
      return [
        { shape: [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns], dtype: a.dtype },
      ];
    },
    emit: (e) => {
      const [a, b] = [e.input(0), e.input(1)];
      const [transA, transB] = [flagAttr(e.attrs, 'transposeA'), flagAttr(e.attrs, 'transposeB')];
      if (e.hasKernels && isPlain(a, b) && !(transA && transB)) {
        const [rows, columns] = e.output(0).shape as [number, number];
        finishProduct(e, { rows, columns, inner: at(a.shape, transA ? 0 : 1), transA, transB, hasBias: false });
      } else if (!transA && isColumn(e)) finishColumn(e, transB);
      else if (!transA && !transB) e.finish('MatMul', [a.name, b.name]);
      else if (a.dtype !== 'float32')
        e.finish('MatMul', [transA ? swapped(e, a) : a.name, transB ? swapped(e, b) : b.name]);
      else emitTransposed(e, a, b);
    },
  }),
];

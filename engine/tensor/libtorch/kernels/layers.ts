// The ops of our own that layers are made of: linear, GELU, layer norm, dropout, look-up, cross entropy, rounding.
import { numberAttr } from '../../ops/attributes.js';
import { at } from '../../ops/shapes.js';
import { handleAt, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';
import { oneColumn } from './products.js';

/** Every row has a loss of its own, and none is left out: labels below 0 have been refused. */
const NO_REDUCTION = 0;
const IGNORED_LABEL = -100;

const crossEntropy: KernelMaker = (aten, call) => {
  const [rows, classes] = call.output(1).shape as [number, number];
  return (x) => {
    const logProbabilities = aten.op('_log_softmax')(aten.reshape(handleAt(x, 0), [rows, classes]), 1, false);
    const labels = aten.reshape(aten.cast(handleAt(x, 1), 'int64'), [rows]);
    const [loss] = aten.ops('nll_loss_forward')(logProbabilities, labels, null, NO_REDUCTION, IGNORED_LABEL);
    return [aten.reshape(loss as Handle, call.output(0).shape), logProbabilities];
  };
};

const crossEntropyGradient: KernelMaker = (aten, call) => {
  const rows = at(call.input(1).shape, 0);
  return (x) => {
    const labels = aten.reshape(aten.cast(handleAt(x, 2), 'int64'), [rows]);
    const dy = aten.reshape(handleAt(x, 0), [rows]);
    const total = aten.number(rows);
    const slope = aten.op('nll_loss_backward')(dy, handleAt(x, 1), labels, null, NO_REDUCTION, IGNORED_LABEL, total);
    return aten.op('_log_softmax_backward_data')(slope, handleAt(x, 1), 1, 'float32');
  };
};

export const layerKernels: KernelTable = {
  PtLinear: (aten, call) => {
    const { shape } = call.output(0);
    if (shape.at(-1) === 1) {
      const multiply = oneColumn(aten);
      return (x) => {
        const y = multiply(handleAt(x, 0), handleAt(x, 1));
        return call.inputs.length === 2 ? y : aten.add(y, handleAt(x, 2));
      };
    }
    const allocate = aten.allocator(shape);
    if (call.inputs.length === 2) return (x, into) => aten.mm(into ?? allocate(), handleAt(x, 0), handleAt(x, 1));
    return (x, into) => aten.addmm(into ?? allocate(), handleAt(x, 2), handleAt(x, 0), handleAt(x, 1));
  },
  PtRowSum: (aten) => {
    const [sum, sumInto] = [aten.op('sum.dim_IntList'), aten.op('sum.IntList_out')];
    return (x, into) => {
      if (into === null) return sum(handleAt(x, 0), [0], false, null);
      sumInto(handleAt(x, 0), [0], false, null, into);
      return into;
    };
  },
  PtGelu: (aten) => (x) => aten.op('gelu')(handleAt(x, 0), 'none'),
  PtGeluGrad: (aten) => (x) => aten.op('gelu_backward')(handleAt(x, 0), handleAt(x, 1), 'none'),
  PtLayerNorm: (aten, call) => {
    const width = at(call.input(0).shape, -1);
    const epsilon = numberAttr(call.attrs, 'epsilon');
    return (x) => aten.ops('native_layer_norm')(handleAt(x, 0), [width], handleAt(x, 1), handleAt(x, 2), epsilon);
  },
  PtLayerNormGrad: (aten, call) => {
    const width = at(call.input(1).shape, -1);
    const all = [true, true, true];
    return (inputs) => {
      const [dy, x, gain, mean, deviation] = inputs as [Handle, Handle, Handle, Handle, Handle];
      // The gain stands for the bias, of which only the shape is asked.
      return aten.ops('native_layer_norm_backward')(dy, x, [width], mean, deviation, gain, gain, all);
    };
  },
  PtEmbedding: (aten) => (x) => aten.op('embedding')(handleAt(x, 1), handleAt(x, 0), -1, false, false),
  PtEmbeddingGrad: (aten, call) => {
    const rows = numberAttr(call.attrs, 'rows');
    return (x) => aten.op('embedding_dense_backward')(handleAt(x, 0), handleAt(x, 1), rows, -1, false);
  },
  PtCrossEntropy: crossEntropy,
  PtCrossEntropyGrad: crossEntropyGradient,
  PtDropout: (aten, call) => {
    const rate = numberAttr(call.attrs, 'rate');
    return (x) => {
      const isKept = aten.op('ge.Tensor')(handleAt(x, 1), aten.number(rate));
      const factor = aten.op('where.self')(isKept, aten.number(1 / (1 - rate)), aten.number(0));
      return aten.op('mul.Tensor')(handleAt(x, 0), factor);
    };
  },
  PtRound: (aten) => (x) => aten.cast(handleAt(x, 0), 'bfloat16'),
  PtWiden: (aten) => (x) => aten.cast(handleAt(x, 0), 'float32'),
};

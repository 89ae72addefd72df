// crossEntropy: -log softmax at the label, per row. The forward leaves the log-probabilities for the backward.
import { noGradient } from '../gradients/broadcasting.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { filled, finishReshape, inside, reshape as emitReshape } from '../ops/emit.js';
import { at } from '../ops/shapes.js';
import { type Shape, sizeOf } from '../shape.js';
import { type GradConfig, reshape, type Tensor } from '../tf.js';
import { defineGradient, firstOf, runOne, runOp } from './gradient.js';

const flatSize = (logits: Shape): readonly [number, number] => [sizeOf(logits.slice(0, -1)), at(logits, -1)];

export const crossEntropyOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtCrossEntropy',
    inputs: ['logits', 'labels'],
    infer: (inputs) => {
      const { shape } = at(inputs, 0);
      return [
        { shape: shape.slice(0, -1), dtype: 'float32' },
        { shape: flatSize(shape), dtype: 'float32' },
      ];
    },
    emit: (e) => {
      const [n, c] = flatSize(e.input(0).shape);
      const inputs = [emitReshape(e, e.input(0).name, [n, c]), emitReshape(e, inside(e, e.input(1).name), [n, 1])];
      e.finish('LogSoftmax', [at(inputs, 0)], { axis: -1 }, '', [1]);
      const atLabel = e.node('GatherElements', [e.output(1).name, at(inputs, 1)], { axis: 1 });
      finishReshape(e, e.node('Neg', [atLabel]), 0);
    },
  }),
  // (softmax - onehot) dy; the 1 is taken off at the label alone, so that no one-hot matrix is ever made.
  defineOp({
    name: 'PtCrossEntropyGrad',
    inputs: ['dy', 'logProbabilities', 'labels'],
    infer: (inputs) => [at(inputs, 1)],
    emit: (e) => {
      const [n] = e.input(1).shape as [number, number];
      const softmax = e.node('Exp', [e.input(1).name]);
      const labels = emitReshape(e, e.input(2).name, [n, 1]);
      const difference = e.node('ScatterElements', [softmax, labels, filled(e, 'float32', [n, 1], -1)], {
        axis: 1,
        reduction: 'add',
      });
      e.finish('Mul', [difference, emitReshape(e, e.input(0).name, [n, 1])]);
    },
  }),
];

const crossEntropyGradient: GradConfig = {
  kernelName: 'PtCrossEntropy',
  inputsToSave: ['logits', 'labels'],
  outputsToSave: [false, true],
  gradFunc: (dys, saved) => {
    const [logits, labels, logProbabilities] = [at(saved, 0), at(saved, 1), at(saved, 2)];
    const dy = firstOf(dys);
    return {
      logits: () => reshape(runOne('PtCrossEntropyGrad', { dy, logProbabilities, labels }), logits.shape),
      labels: noGradient(labels),
    };
  },
};

/**
 * Cross entropy in nats of `logits` [..., C] against `labels` int32 [...], per row: [...]. Every label must lie in
 * 0..C-1; the run fails otherwise.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  defineGradient(crossEntropyGradient);
  return at(runOp('PtCrossEntropy', { logits, labels }), 0);
}

// gelu: x times the normal distribution function of x, exact (with erf, not with tanh).
import { present } from '../../core/invariant.js';
import { defineOp, type NodeWriter, type OpDefinition } from '../ops/definition.js';
import { finishElements } from '../ops/elements.js';
import { finishReshape, reshape, scalar } from '../ops/emit.js';
import { at, likeFirst } from '../ops/shapes.js';
import { tileCount } from '../ops/tile.js';
import { sizeOf } from '../shape.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

/** dy times the slope of gelu: with s = x / sqrt(2), (1 + erf s) / 2 + s exp(-s^2) / sqrt(pi). */
function slope(e: NodeWriter, dy: string, x: string): [string, string] {
  const s = e.node('Mul', [x, scalar(e, 'float32', Math.SQRT1_2)]);
  // erf lies in [-1, 1], so the clamp of HardSigmoid never acts: it is a multiply-add in one pass over memory.
  const distribution = e.node('HardSigmoid', [e.node('Erf', [s])], { alpha: { float: 0.5 }, beta: { float: 0.5 } });
  // s / exp(s^2) and not s exp(-s^2): one pass fewer; where exp overflows the quotient is 0, as it should be.
  const bell = e.node('Div', [s, e.node('Exp', [e.node('Mul', [s, s])])]);
  const density = e.node('Mul', [bell, scalar(e, 'float32', 1 / Math.sqrt(Math.PI))]);
  return [e.node('Add', [distribution, density]), dy];
}

export const geluOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtGelu',
    inputs: ['x'],
    rounds: { operands: [0], results: [0] },
    infer: likeFirst,
    emit: (e) => {
      const size = sizeOf(e.input(0).shape);
      if (e.hasKernels && size > 0) finishElements(e, { kind: 'gelu', size }, 1);
      else e.finish('Gelu', [e.input(0).name]);
    },
  }),
  defineOp({
    name: 'PtGeluGrad',
    inputs: ['dy', 'x'],
    rounds: { operands: [0, 1], results: [0] },
    infer: likeFirst,
    emit: (e) => {
      const [dy, x] = [e.input(0), e.input(1)];
      const size = sizeOf(x.shape);
      if (e.hasKernels && size > 0) return finishElements(e, { kind: 'gelu gradient', size }, 2);
      const count = tileCount(size, 1);
      if (count === 1) return e.finish('Mul', slope(e, dy.name, x.name));
      const shape = [count, size / count];
      const stacked = [dy, x].map(({ name, dtype }) => ({ name: reshape(e, name, shape), shape, dtype }));
      const [stack] = e.tiled(stacked, (body, [dyTile, xTile]) => {
        const name = body.node('Mul', slope(body, present(dyTile, 'dy'), present(xTile, 'x')));
        return [{ name, shape: shape.slice(1), dtype: 'float32' }];
      });
      finishReshape(e, present(stack, 'the tiles'));
    },
  }),
];

const geluGradient: GradConfig = {
  kernelName: 'PtGelu',
  inputsToSave: ['x'],
  gradFunc: (dy, saved) => ({ x: () => runOne('PtGeluGrad', { dy: firstOf(dy), x: at(saved, 0) }) }),
};

/** Gaussian error linear unit (Hendrycks and Gimpel 2016), elementwise. */
export function gelu(x: Tensor): Tensor {
  defineGradient(geluGradient);
  return runOne('PtGelu', { x });
}

// gelu: x times the normal distribution function of x, exact (with erf, not with tanh).
import { at, likeFirst } from '../ops/shapes.js';
import { scalar } from '../ops/emit.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

export const geluOps: readonly OpDefinition[] = [
  defineOp({ name: 'PtGelu', inputs: ['x'], infer: likeFirst, emit: (e) => e.finish('Gelu', [e.input(0).name]) }),
  // With s = x / sqrt(2): d gelu = (1 + erf s) / 2 + s exp(-s^2) / sqrt(pi).
  defineOp({
    name: 'PtGeluGrad',
    inputs: ['dy', 'x'],
    infer: likeFirst,
    emit: (e) => {
      const s = e.node('Mul', [e.input(1).name, scalar(e, 'float32', Math.SQRT1_2)]);
      // erf lies in [-1, 1], so the clamp of HardSigmoid never acts: it is a multiply-add in one pass over memory.
      const distribution = e.node('HardSigmoid', [e.node('Erf', [s])], { alpha: { float: 0.5 }, beta: { float: 0.5 } });
      // s / exp(s^2) and not s exp(-s^2): one pass fewer; where exp overflows the quotient is 0, as it should be.
      const bell = e.node('Div', [s, e.node('Exp', [e.node('Mul', [s, s])])]);
      const density = e.node('Mul', [bell, scalar(e, 'float32', 1 / Math.sqrt(Math.PI))]);
      e.finish('Mul', [e.node('Add', [distribution, density]), e.input(0).name]);
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

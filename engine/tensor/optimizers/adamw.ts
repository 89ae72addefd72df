// adamw: Adam with decoupled weight decay, by which weights shrink by learningRate * weightDecay per step (Loshchilov
// and Hutter 2019); Kingma and Ba 2015, algorithm 1 with the bias correction in the scalars (end of their section 2).
import { defineOptimizer, requireBelowOne, writeRule } from '../update-rule.js';

export const adamw = defineOptimizer({
  name: 'adamw',
  reads: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
  rule({ beta1, beta2, epsilon, weightDecay }) {
    requireBelowOne('beta1', beta1);
    requireBelowOne('beta2', beta2);
    const scalarNames = ['scale', 'beta1', 'rest1', 'beta2', 'rest2', 'keep', 'step', 'epsilon'];
    const rule = writeRule('adamw', ['first', 'second'], scalarNames, (call) => {
      const gradient = call('Mul', 'scaled', 'gradient', 'scale');
      const first = call('Add', 'new_first', call('Mul', 'a1', 'first', 'beta1'), call('Mul', 'a2', gradient, 'rest1'));
      const square = call('Mul', 'square', gradient, gradient);
      const second = call(
        'Add',
        'new_second',
        call('Mul', 'b1', 'second', 'beta2'),
        call('Mul', 'b2', square, 'rest2'),
      );
      const root = call('Add', 'root', call('Sqrt', 'c1', second), 'epsilon');
      const change = call('Mul', 'change', call('Div', 'direction', first, root), 'step');
      call('Sub', 'new_weight', call('Mul', 'kept', 'weight', 'keep'), change);
    });
    return {
      ...rule,
      scalars({ learningRate, gradientScale, updateCount }, decays) {
        const correction1 = 1 - beta1 ** updateCount;
        const correction2 = Math.sqrt(1 - beta2 ** updateCount);
        const keep = decays ? 1 - learningRate * weightDecay : 1;
        const step = (learningRate * correction2) / correction1;
        return [gradientScale, beta1, 1 - beta1, beta2, 1 - beta2, keep, step, epsilon * correction2];
      },
      // Both moments stay +0, so the direction is +0 / epsilon and the change +0: weight * 1 - 0.
      rests: ([scale = -1, , , , , keep, step = -1, small = 0]) => scale >= 0 && keep === 1 && step >= 0 && small > 0,
    };
  },
});

// rmsprop: the gradient over the root of its mean square, which forgets by `rho` (Tieleman and Hinton 2012, lecture
// 6.5), with L2 weight decay; neither centred nor with momentum.
import { defineOptimizer, requireBelowOne, writeRule } from '../update-rule.js';

export const rmsprop = defineOptimizer({
  name: 'rmsprop',
  reads: ['rho', 'epsilon', 'weightDecay'],
  rule({ rho, epsilon, weightDecay }) {
    requireBelowOne('rho', rho);
    const rule = writeRule('rmsprop', ['square'], ['scale', 'decay', 'rho', 'rest', 'rate', 'epsilon'], (call) => {
      const scaled = call('Mul', 'scaled', 'gradient', 'scale');
      const gradient = call('Add', 'decayed', scaled, call('Mul', 'pull', 'weight', 'decay'));
      const now = call('Mul', 'part', call('Mul', 'now', gradient, gradient), 'rest');
      const square = call('Add', 'new_square', call('Mul', 'kept', 'square', 'rho'), now);
      const root = call('Add', 'root', call('Sqrt', 'square_root', square), 'epsilon');
      call('Sub', 'new_weight', 'weight', call('Mul', 'change', call('Div', 'direction', gradient, root), 'rate'));
    });
    return {
      ...rule,
      scalars: ({ learningRate, gradientScale }, decays) => [
        gradientScale,
        decays ? weightDecay : 0,
        rho,
        1 - rho,
        learningRate,
        epsilon,
      ],
      // The gradient is +0, and so is the mean square: the direction is +0 / epsilon, and the weight minus +0.
      rests: ([scale = -1, decay, , , rate = -1, small = 0]) => scale >= 0 && decay === 0 && rate >= 0 && small > 0,
    };
  },
});

// adagrad: every weight has a learning rate of its own, which falls with the squares of its gradients so far (Duchi,
// Hazan and Singer 2011), with L2 weight decay.
import { defineOptimizer, writeRule } from '../update-rule.js';

export const adagrad = defineOptimizer({
  name: 'adagrad',
  reads: ['epsilon', 'weightDecay'],
  rule: ({ epsilon, weightDecay }) => ({
    ...writeRule('adagrad', ['squares'], ['scale', 'decay', 'rate', 'epsilon'], (call) => {
      const scaled = call('Mul', 'scaled', 'gradient', 'scale');
      const gradient = call('Add', 'decayed', scaled, call('Mul', 'pull', 'weight', 'decay'));
      const squares = call('Add', 'new_squares', 'squares', call('Mul', 'square', gradient, gradient));
      const root = call('Add', 'root', call('Sqrt', 'square_root', squares), 'epsilon');
      call('Sub', 'new_weight', 'weight', call('Mul', 'change', call('Div', 'direction', gradient, root), 'rate'));
    }),
    scalars: ({ learningRate, gradientScale }, decays) => [
      gradientScale,
      decays ? weightDecay : 0,
      learningRate,
      epsilon,
    ],
    // The gradient is +0, and so are the squares: the direction is +0 / epsilon, and the weight minus +0.
    rests: ([scale = -1, decay, rate = -1, small = 0]) => scale >= 0 && decay === 0 && rate >= 0 && small > 0,
  }),
});

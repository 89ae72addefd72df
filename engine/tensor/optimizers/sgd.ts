// sgd: stochastic gradient descent, with L2 weight decay (weightDecay * weight is added to the gradient) and momentum
// in the form of Sutskever et al. 2013, where the buffer does not contain the learning rate. Momentum 0 needs no state.
import { defineOptimizer, requireBelowOne, writeRule } from '../update-rule.js';

export const sgd = defineOptimizer({
  name: 'sgd',
  reads: ['momentum', 'nesterov', 'weightDecay'],
  rule({ momentum, nesterov, weightDecay }) {
    requireBelowOne('momentum', momentum);
    const hasMomentum = momentum > 0;
    const states = hasMomentum ? ['velocity'] : [];
    const scalarNames = ['scale', 'decay', 'rate', ...(hasMomentum ? ['momentum'] : [])];
    const rule = writeRule('sgd', states, scalarNames, (call) => {
      const scaled = call('Mul', 'scaled', 'gradient', 'scale');
      const gradient = call('Add', 'decayed', scaled, call('Mul', 'pull', 'weight', 'decay'));
      let direction = gradient;
      if (hasMomentum) {
        const velocity = call('Add', 'new_velocity', call('Mul', 'v1', 'velocity', 'momentum'), gradient);
        direction = nesterov ? call('Add', 'ahead', gradient, call('Mul', 'v2', velocity, 'momentum')) : velocity;
      }
      call('Sub', 'new_weight', 'weight', call('Mul', 'change', direction, 'rate'));
    });
    return {
      ...rule,
      scalars: ({ learningRate, gradientScale }, decays) => [
        gradientScale,
        decays ? weightDecay : 0,
        learningRate,
        ...(hasMomentum ? [momentum] : []),
      ],
      // The gradient is +0 + weight * 0, which is +0 for either sign, and so are velocity and change: weight - 0.
      rests: ([scale = -1, decay, rate = -1]) => scale >= 0 && decay === 0 && rate >= 0,
    };
  },
});

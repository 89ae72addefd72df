// lamb: Adam whose step on a parameter is as large as the parameter itself times the learning rate (You et al. 2020),
// with decoupled weight decay inside the step.
import { norm, trustRatio } from '../tensor-rule.js';
import { defineOptimizer, requireBelowOne } from '../update-rule.js';

export const lamb = defineOptimizer({
  name: 'lamb',
  reads: ['beta1', 'beta2', 'epsilon', 'weightDecay'],
  rule({ beta1, beta2, epsilon, weightDecay }) {
    requireBelowOne('beta1', beta1);
    requireBelowOne('beta2', beta2);
    return {
      isWhole: true,
      stateSizes: (shape) => {
        const size = shape.reduce((product, one) => product * one, 1);
        return [size, size];
      },
      update({ weights, gradient, states: [first, second] }, { learningRate, updateCount }, decays) {
        if (first === undefined || second === undefined) return;
        const [correction1, correction2] = [1 - beta1 ** updateCount, 1 - beta2 ** updateCount];
        const decay = decays ? weightDecay : 0;
        const change = new Float64Array(weights.length);
        for (let i = 0; i < weights.length; i++) {
          const g = gradient[i] as number;
          const m = beta1 * (first[i] as number) + (1 - beta1) * g;
          const v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
          first[i] = m;
          second[i] = v;
          change[i] = m / correction1 / (Math.sqrt(v / correction2) + epsilon) + decay * (weights[i] as number);
        }
        const rate = learningRate * trustRatio(norm(weights), norm(change));
        for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] as number) - rate * (change[i] as number);
      },
    };
  },
});

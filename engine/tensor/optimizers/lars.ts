// lars: momentum whose step on a parameter is in proportion to the parameter (You, Gitman and Ginsburg 2017), with L2
// weight decay.
import { norm, trustRatio } from '../tensor-rule.js';
import { defineOptimizer, requireBelowOne } from '../update-rule.js';

/** Share of its norm that a parameter may move by at a learning rate of 1. */
const TRUST = 1e-3;

export const lars = defineOptimizer({
  name: 'lars',
  reads: ['momentum', 'weightDecay'],
  rule({ momentum, weightDecay }) {
    requireBelowOne('momentum', momentum);
    return {
      isWhole: true,
      stateSizes: (shape) => [shape.reduce((product, one) => product * one, 1)],
      update({ weights, gradient, states: [velocity] }, { learningRate }, decays) {
        if (velocity === undefined) return;
        const decay = decays ? weightDecay : 0;
        const change = Float64Array.from(gradient, (g, i) => g + decay * (weights[i] as number));
        const rate = learningRate * trustRatio(TRUST * norm(weights), norm(change));
        for (let i = 0; i < weights.length; i++) {
          const v = momentum * (velocity[i] as number) + rate * (change[i] as number);
          velocity[i] = v;
          weights[i] = (weights[i] as number) - v;
        }
      },
    };
  },
});

// The optimizer a configuration asks for, in the words of the tensor layer.
import type { TrainConfig } from '../core/config.js';
import type { OptimizerSpec } from '../tensor/optimizer.js';

export function optimizerSpec(config: TrainConfig): OptimizerSpec {
  const { weightDecay } = config;
  return config.optimizer === 'adamw'
    ? { kind: 'adamw', beta1: config.beta1, beta2: config.beta2, epsilon: config.epsilon, weightDecay }
    : { kind: 'sgd', momentum: config.momentum, nesterov: config.nesterov, weightDecay };
}

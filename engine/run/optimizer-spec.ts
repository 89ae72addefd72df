// The optimizer a configuration asks for, in the words of the tensor layer.
import type { TrainConfig } from '../core/config.js';
import { OPTIMIZERS, type OptimizerSpec } from '../tensor/optimizers/registry.js';

/** With the settings that it reads and no others. Throws a UsageError (PT_USAGE) where there is no such optimizer. */
export function optimizerSpec(config: TrainConfig): OptimizerSpec {
  const { reads } = OPTIMIZERS.get(config.optimizer);
  return {
    kind: config.optimizer,
    ema: config.ema,
    ...Object.fromEntries(reads.map((setting) => [setting, config[setting]])),
  };
}

// WeightMeans: where a checkpoint has the running means of the weights, of a run that kept them (`--ema`), and by how
// much they are to be made larger: they started at zero.
import { trainConfigSchema } from '../core/config.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import { stateCount } from '../tensor/optimizer.js';
import type { Manifest } from './manifest.js';

export interface WeightMeans {
  /** Behind the name of a parameter: its mean. */
  readonly suffix: string;
  readonly scale: number;
}

/** Null where there are none, or no step was done. */
export function weightMeans({ config, step }: Pick<Manifest, 'config' | 'step'>): WeightMeans | null {
  const parsed = trainConfigSchema.parse(config);
  if (parsed.ema === 0 || step === 0) return null;
  return { suffix: `.state${stateCount(optimizerSpec(parsed)) - 1}`, scale: 1 / (1 - parsed.ema ** step) };
}

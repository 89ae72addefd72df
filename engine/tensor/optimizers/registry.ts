// The optimizers by name, and a run's optimizer out of them. Adding one is one file and one line here.
import { invariant } from '../../core/invariant.js';
import { Registry } from '../../core/registry.js';
import type { OptimizerKind, OptimizerSettings, UpdateRule } from '../update-rule.js';
import { adagrad } from './adagrad.js';
import { adamw } from './adamw.js';
import { averaged } from './averaged.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';

export const OPTIMIZERS = new Registry<OptimizerKind>('optimizer', [
  // In the order of listings.
  adamw,
  sgd,
  adagrad,
  rmsprop,
]);

/** An optimizer by its name, with the settings that it reads. */
export interface OptimizerSpec extends Partial<OptimizerSettings> {
  readonly kind: string;
  /** Decay of a running mean of the weights, which is the last state then; default: 0, none. */
  readonly ema?: number;
}

/** The rule of an optimizer. Throws a UsageError: PT_USAGE for an unknown name, PT_OPTIMIZER as the rule. */
export function updateRule(spec: OptimizerSpec): UpdateRule {
  const kind = OPTIMIZERS.get(spec.kind);
  const missing = kind.reads.filter((setting) => spec[setting] === undefined);
  invariant(missing.length === 0, () => `optimizer ${spec.kind} without ${missing.join(', ')}`);
  // It reads nothing else.
  const rule = kind.rule(spec as OptimizerSettings);
  return spec.ema === undefined || spec.ema === 0 ? rule : averaged(rule, spec.ema);
}

/** Buffers of the size of the weights that an optimizer keeps between steps; they start as zeros. */
export const stateCount = (spec: OptimizerSpec): number => updateRule(spec).stateCount;

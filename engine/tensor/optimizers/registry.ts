// The optimizers by name, and a run's optimizer out of them. Adding one is one file and one line here.
import { invariant } from '../../core/invariant.js';
import { Registry } from '../../core/registry.js';
import type { TensorRule } from '../tensor-rule.js';
import type { OptimizerKind, OptimizerSettings, UpdateRule } from '../update-rule.js';
import { adafactor } from './adafactor.js';
import { adagrad } from './adagrad.js';
import { adamw } from './adamw.js';
import { averaged } from './averaged.js';
import { lamb } from './lamb.js';
import { lars } from './lars.js';
import { rmsprop } from './rmsprop.js';
import { sgd } from './sgd.js';
import { shampoo } from './shampoo.js';

export const OPTIMIZERS = new Registry<OptimizerKind>('optimizer', [
  // In the order of listings.
  adamw,
  sgd,
  adagrad,
  rmsprop,
  lamb,
  lars,
  adafactor,
  shampoo,
]);

/** An optimizer by its name, with the settings that it reads. */
export interface OptimizerSpec extends Partial<OptimizerSettings> {
  readonly kind: string;
  /** Decay of a running mean of the weights, which is the last state then; default: 0, none. */
  readonly ema?: number;
}

/** The rule of an optimizer. Throws a UsageError: PT_USAGE for an unknown name, PT_OPTIMIZER as the rule. */
export function optimizerRule(spec: OptimizerSpec): UpdateRule | TensorRule {
  const kind = OPTIMIZERS.get(spec.kind);
  const missing = kind.reads.filter((setting) => spec[setting] === undefined);
  invariant(missing.length === 0, () => `optimizer ${spec.kind} without ${missing.join(', ')}`);
  // It reads nothing else.
  const rule = kind.rule(spec as OptimizerSettings);
  return rule.isWhole === true || !hasMean(spec) ? rule : averaged(rule, spec.ema);
}

/** Whether a running mean of the weights is kept, as the last state. */
export const hasMean = (spec: OptimizerSpec): spec is OptimizerSpec & { readonly ema: number } =>
  spec.ema !== undefined && spec.ema > 0;

/** The parameters of a block in its slab. */
export interface ParameterLayout {
  readonly length: number;
  readonly entries: readonly { readonly shape: readonly number[]; readonly offset: number; readonly size: number }[];
}

/** Where the parameters of a block have their values in one optimizer state, in their order; in elements. */
export interface StateLayout {
  readonly length: number;
  readonly entries: readonly { readonly offset: number; readonly size: number }[];
}

/** States begin at multiples of 64 bytes, as parameters do. */
const ALIGNMENT = 16;

/** The layouts of the states that an optimizer keeps between steps; they start as zeros. */
export function stateLayouts(spec: OptimizerSpec, slab: ParameterLayout): readonly StateLayout[] {
  const rule = optimizerRule(spec);
  if (rule.isWhole !== true) return Array.from({ length: rule.stateCount }, () => slab);
  const sizes = slab.entries.map(({ shape }) => rule.stateSizes(shape));
  const own = Array.from({ length: wholeStates(rule) }, (_, state): StateLayout => {
    let length = 0;
    const entries = sizes.map((all) => {
      const entry = { offset: length, size: all[state] ?? 0 };
      length = Math.ceil((length + entry.size) / ALIGNMENT) * ALIGNMENT;
      return entry;
    });
    return { length, entries };
  });
  return hasMean(spec) ? [...own, slab] : own;
}

const wholeStates = (rule: TensorRule): number => rule.stateSizes([1]).length;

/** How many states an optimizer keeps between steps. */
export function stateCount(spec: OptimizerSpec): number {
  const rule = optimizerRule(spec);
  return rule.isWhole === true ? wholeStates(rule) + (hasMean(spec) ? 1 : 0) : rule.stateCount;
}

/** Elements of all states of a block together. */
export const stateElements = (spec: OptimizerSpec, slab: ParameterLayout): number =>
  stateLayouts(spec, slab).reduce((sum, { length }) => sum + length, 0);

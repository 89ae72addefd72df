// RunGrowth: how the model of a run grows: the sizes it has one after the other, which blocks each lacks, and which are
// copies of which. It follows from the settings and the model; when it grows is for the policy, and who carries it out
// for the trainer.
import { parseFreezeSchedule } from '../../freeze/manual.js';
import type { TrainConfig } from '../core/config.js';
import { ModelError, UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { DataInfo } from '../data/dataset.js';
import { type Birth, ladderOf, type Rung } from '../growth/ladder.js';
import { growPolicyOf } from '../growth/policies.js';
import type { GrowPolicy } from '../growth/policy.js';
import { parseGrowSchedule } from '../growth/schedule.js';
import type { GrowthWay } from '../growth/way.js';
import { GROWTH_WAYS } from '../growth/ways.js';
import type { Block, Model } from '../model/block.js';
import { canBeIdentity } from '../model/identity-block.js';
import { type RepeatingLayers, repeatingLayers } from '../model/repeating-layers.js';

/** A block that is new, and the one whose copy it is. */
export interface BornBlock {
  readonly block: number;
  readonly like: number;
}

/** A model on its way to the whole one. */
export interface GrowthSize {
  readonly layers: number;
  /** Blocks of the whole model that are not there, ascending. */
  readonly absent: readonly number[];
  /** Against the size before: layers and blocks. */
  readonly births: readonly Birth[];
  readonly born: readonly BornBlock[];
}

export interface RunGrowth {
  readonly policy: GrowPolicy;
  readonly way: GrowthWay;
  /** In order; the last one is the whole model. */
  readonly sizes: readonly GrowthSize[];
  /** Steps over which losses are averaged for the policy. */
  readonly interval: number;
}

/** Intervals of a run: so many decisions there are at most. */
const INTERVALS = 40;

/** What growth is about: a model, its data, and how it trains. */
export interface GrowthSubject {
  readonly config: TrainConfig;
  readonly model: Model;
  readonly data: DataInfo;
  readonly totalSteps: number;
  /** Whether any layer starts from trained weights. */
  readonly isTrained: boolean;
}

/**
 * Null where nothing grows. Throws a UsageError (PT_GROW) where the settings cannot be carried out with this model, and
 * a ModelError (PT_GROW_MODEL) where the model cannot grow.
 */
export function runGrowth(subject: GrowthSubject): RunGrowth | null {
  const { config, model, data, totalSteps, isTrained } = subject;
  if (config.grow === 'none') return null;
  if (isTrained)
    throw new UsageError(
      'PT_GROW',
      `--grow ${config.grow}: layers of ${model.name} start from trained weights, and a smaller model would drop some`,
      'Grow a model that starts from scratch, or leave out --grow.',
    );
  const repeating = repeatingLayers(model, data);
  if (repeating.count < 2) throw cannotRepeat(model, repeating);
  const stubborn = withoutIdentity(model, repeating);
  const way = GROWTH_WAYS.get(config.growBy !== 'auto' ? config.growBy : stubborn === null ? 'identity' : 'stack');
  if (way.keepsFunction && stubborn !== null) throw noIdentity(model.name, stubborn);
  const layers = sizesOf(config, repeating, totalSteps);
  const extra = repeating.numLayers - repeating.count;
  const rungs = ladderOf(
    way,
    layers.map((count) => count - extra),
  );
  return {
    policy: growPolicyOf(config.grow),
    way,
    sizes: rungs.map((rung, i) => sizeOf(rung, present(layers[i], 'layers'), repeating)),
    interval: Math.max(1, Math.floor(totalSteps / INTERVALS)),
  };
}

function sizeOf(rung: Rung, layers: number, { first, count, blocksOf }: RepeatingLayers): GrowthSize {
  const births = rung.born.map(({ layer, like }) => ({ layer: first + layer, like: first + like }));
  return {
    layers,
    absent: Array.from({ length: count }, (_, layer) => layer).flatMap((layer) =>
      rung.layers.includes(layer) ? [] : blocksOf(first + layer),
    ),
    births,
    born: births.flatMap(({ layer, like }) =>
      blocksOf(layer).map((block, i) => ({ block, like: present(blocksOf(like)[i], 'block of a layer') })),
    ),
  };
}

/** Numbers of layers, one after the other. */
function sizesOf(config: TrainConfig, { count, numLayers }: RepeatingLayers, totalSteps: number): number[] {
  const extra = numLayers - count;
  const least = extra + 1;
  const fail = (message: string, hint: string): never => {
    throw new UsageError('PT_GROW', message, hint);
  };
  if (config.grow === 'auto') {
    const from = config.growFrom ?? extra + Math.ceil(count / 2);
    if (from < least || from >= numLayers)
      fail(
        `--grow-from ${from}: the model has ${numLayers} layers, ${count} of which repeat`,
        `Start with ${least} to ${numLayers - 1} layers.`,
      );
    const sizes = [from];
    for (let size = from; size < numLayers;) sizes.push((size = Math.min(numLayers, extra + 2 * (size - extra))));
    return sizes;
  }
  const entries = parseGrowSchedule(config.grow);
  const last = present(entries.at(-1), 'entry');
  const first = present(entries[0], 'entry');
  if (last.layers !== numLayers)
    fail(
      `--grow ${config.grow} ends with ${last.layers} layers, the model has ${numLayers}`,
      `End with :${numLayers}, or set the layers of the model (--model-options layers=${last.layers}).`,
    );
  if (first.layers < least)
    fail(
      `--grow ${config.grow} starts with ${first.layers} layers: ${extra} of the ${numLayers} layers are like no ` +
        'other and cannot be left out',
      `Start with at least ${least} layers.`,
    );
  if (last.step >= totalSteps)
    fail(
      `--grow ${config.grow}: the model would be whole at step ${last.step}, the run has ${totalSteps} steps`,
      'Grow earlier, or train longer.',
    );
  requireFreezeAfter(config, last.step);
  return entries.map(({ layers }) => layers);
}

/** What is not there yet cannot be frozen, and what a layer is copied from must be able to learn with its copy. */
function requireFreezeAfter({ freeze, freezeSchedule, grow }: TrainConfig, wholeAt: number): void {
  if (freeze !== 'manual') return;
  const early = parseFreezeSchedule(freezeSchedule).find(({ step, layers }) => layers > 0 && step < wholeAt);
  if (early === undefined) return;
  throw new UsageError(
    'PT_GROW',
    `--freeze-schedule ${freezeSchedule} freezes ${early.layers} layers at step ${early.step}, by --grow ${grow} the ` +
      `model is whole at step ${wholeAt}`,
    `Freeze at step ${wholeAt} or later.`,
  );
}

function cannotRepeat({ name, blocks }: Model, { numLayers, blocksOf }: RepeatingLayers): ModelError {
  const namesOf = (layer: number): string =>
    blocksOf(layer)
      .map((block) => blocks[block]?.name ?? '')
      .join(', ');
  return new ModelError(
    'PT_GROW_MODEL',
    numLayers < 2
      ? `${name} cannot grow: it has ${numLayers} ${numLayers === 1 ? 'layer' : 'layers'}, so that none repeats`
      : `${name} cannot grow: no two neighbouring layers have blocks of the same kinds, shapes and programs (` +
          `layer 0 is ${namesOf(0)}; layer 1 is ${namesOf(1)})`,
    'Give the blocks of at least two neighbouring layers the same parameters, none of them shared, and the same ' +
      'forward, and `layer` numbers; or leave out --grow.',
  );
}

/** The first block that repeats and cannot be made the identity, or null. */
function withoutIdentity({ blocks }: Model, { first, blocksOf }: RepeatingLayers): Block | null {
  return (
    blocksOf(first)
      .map((index) => present(blocks[index], `block ${index}`))
      .find((block) => !canBeIdentity(block)) ?? null
  );
}

const noIdentity = (model: string, block: Block): ModelError =>
  new ModelError(
    'PT_GROW_MODEL',
    `${model} cannot grow by identity: the block ${block.name} does not say which parameters close its residual ` +
      'branch (`closing`), those that make it give back its input where they are zero',
    'Declare them, where the block has such; or use --grow-by stack or interleave.',
  );

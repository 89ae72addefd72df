// What starts fresh is noise, and is not frozen before it was trained; and what an own run trained from scratch for a
// while is not taken for pretrained.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { trainedByFiles } from '../../engine/run/trained-start.js';
import { leadingLayers } from '../../freeze/layers.js';
import { TINY as PRETRAINED } from '../model/hf-folder.js';
import { scratch, scratchWith } from '../scratch.js';
import { trainInto } from './run-on-disk.js';
import { type TrainedRun, trainRun } from './train-run.js';

const lines = (...texts: readonly string[]): string =>
  Array.from({ length: 40 }, (_, i) => `${texts[i % texts.length] ?? ''}\t${i % 2}`).join('\n');
const data = (text: string): string => `tsv:${scratchWith({ 'train.tsv': text, 'dev.tsv': text })}`;
const SAME = data(lines('good film', 'bad film'));
/** Most of its words are none of those of the others, so that the embedding starts fresh. */
const OTHER = data(lines('lovely long picture', 'awful dull picture'));

const SMALL: Partial<TrainConfigInput> = {
  model: 'bert',
  modelOptions: { layers: 2, width: 16, heads: 2 },
  dataOptions: { sequence: 8 },
  batch: 8,
  microBatch: 4,
  steps: 10,
};

let first = '';
beforeAll(async () => {
  first = join(scratch(), 'first');
  await trainInto(RunFolder.create(first), { ...SMALL, data: SAME });
}, 60_000);

const start = (changes: Partial<TrainConfigInput>): Promise<TrainedRun> =>
  trainRun({ ...SMALL, initFrom: first, ...changes });
const freezeWarnings = (run: TrainedRun): string[] =>
  run.of('warning').flatMap(({ message }) => (message.includes('freeze policy') ? [message] : []));
const frozen = (run: TrainedRun): number[] => run.of('plan.made').map((plan) => plan.frozen);

describe('a run from the weights of an own run', () => {
  it.each([
    ['of the same words', SAME, []],
    ['of other words, whose embedding starts fresh', OTHER, ['embed']],
  ])(
    'on data %s freezes nothing unasked',
    async (_what, source, fresh) => {
      const run = await start({ data: source });
      expect(run.of('weights.loaded')[0]?.fresh.map(({ block }) => block)).toEqual(fresh);
      expect(new Set(frozen(run))).toEqual(new Set([0]));
      expect(run.of('run.started')[0]?.pretrainedLayers).toBeUndefined();
    },
    60_000,
  );

  it('is refused a schedule that freezes a fresh embedding at once, and none that does so later', async () => {
    const manual = { data: OTHER, freeze: 'manual' };
    await expect(start({ ...manual, freezeSchedule: '0:1' })).rejects.toMatchObject({
      code: 'PT_FREEZE_FRESH',
      message: expect.stringContaining('freezes 1 layer before the first step, and embed starts fresh') as string,
    });
    expect(frozen(await start({ ...manual, freezeSchedule: '5:1' })).at(-1)).toBe(3);
    // Everything that freezes was trained.
    const trained = await start({ data: SAME, freeze: 'manual', freezeSchedule: '0:1' });
    expect(frozen(trained)).toEqual([3]);
    expect(freezeWarnings(trained)).toEqual([]);
  }, 60_000);
});

describe('a run from scratch', () => {
  it('is warned of a schedule that freezes before the first step, which is noise', async () => {
    const run = await trainRun({ ...SMALL, data: SAME, freeze: 'manual', freezeSchedule: '0:1' });
    expect(frozen(run)).toEqual([3]);
    expect(freezeWarnings(run)).toEqual([
      'the freeze policy manual freezes 1 layer before the first step, and embed, layer0.attention, layer0.mlp start ' +
        'fresh: random numbers that would never be trained',
    ]);
  }, 60_000);
});

describe('pretrained weights', () => {
  it('are still pretrained in a run from a run of them, and after it went on', async () => {
    const config = { ...SMALL, model: `hf:${PRETRAINED}`, modelOptions: {}, dataOptions: {}, data: SAME };
    const folder = join(scratch(), 'tuned');
    const tuned = await trainInto(RunFolder.create(folder), { ...config, steps: 2 });
    const layers = tuned.of('run.started')[0]?.pretrainedLayers ?? 0;
    expect(layers).toBeGreaterThan(1);
    const run = RunFolder.create(join(scratch(), 'again'));
    const again = { ...config, initFrom: folder, freezeBudget: 1, freezeInterval: '2 steps', steps: 8 };
    const begun = await trainInto(run, again, { stopAt: 2 });
    expect(begun.of('run.started')[0]?.pretrainedLayers).toBe(layers);
    const resumed = await trainInto(run, again, { resume: true });
    expect(resumed.of('freeze.decided').at(-1)).toMatchObject({ toLayers: layers - 1 });
  }, 60_000);
});

describe('the layers that start trained', () => {
  const block = (layer: number | null, ...kinds: readonly ('file' | 'normal' | 'ones')[]) => ({
    name: `${layer}`,
    kind: 'other' as const,
    layer,
    params: Object.fromEntries(kinds.map((kind, i) => [`p${i}`, { shape: [1], init: initOf(kind), decay: false }])),
    forward: () => {
      throw new Error('not run');
    },
  });
  const initOf = (kind: 'file' | 'normal' | 'ones') => {
    if (kind === 'normal') return { kind, std: 1 };
    return kind === 'ones' ? { kind } : { kind, range: { path: 'x', offset: 0, dtype: 'F32', isTransposed: false } };
  };
  it.each([
    ['all of them', [block(null, 'file'), block(0, 'file', 'ones'), block(1, 'file'), block(null, 'normal')], 2],
    ['none behind a fresh embedding', [block(null, 'normal'), block(0, 'file'), block(1, 'file')], 0],
    ['those below a fresh layer', [block(null), block(0, 'file'), block(1, 'ones'), block(2, 'file')], 1],
    ['none with a part that is drawn', [block(null, 'file'), block(0, 'file', 'normal'), block(1, 'file')], 0],
    ['none of a model from scratch', [block(null, 'normal'), block(0, 'normal')], 0],
  ])('are %s', (_what, blocks, layers) => {
    expect(trainedByFiles(blocks as never)).toEqual({ trainedLayers: layers, pretrainedLayers: layers });
  });
  it('need all of their blocks', () => {
    const blocks = [{ layer: null }, { layer: 0 }, { layer: 0 }, { layer: 1 }, { layer: null }];
    const upTo = (count: number): number => leadingLayers(blocks, (one) => blocks.indexOf(one) < count);
    expect([0, 1, 2, 3, 4, 5].map(upTo)).toEqual([0, 0, 0, 1, 2, 2]);
  });
});

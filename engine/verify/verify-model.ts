// VerifyModel: whether this machine computes a model to the same bits in every shape and through every disturbance: the
// trials, one after the other, each beside its reference. What a trial does is shape-trial.ts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countLayers } from '../../freeze/layers.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import type { RunEventBody } from '../events/events.js';
import { sameDevices } from '../run/devices.js';
import { type RunSetup, setUpRun } from '../run/run-setup.js';
import { withMicroBatch } from '../trainer/micro-batch-search.js';
import { areEqual, findDifference, type Outcome, runTrial, type Trial } from './shape-trial.js';

/** Fewer steps leave no room for two epochs, a freeze and a disturbance. */
export const LEAST_STEPS = 6;
/** Steps of a run that is longer than any schedule. */
const LONG_RUN = 1e9;
/** The longest pipeline that is tried. */
const LONGEST = 4;

export interface TrialResult {
  readonly name: string;
  readonly verdict: 'reference' | 'equal' | 'different' | 'not tried';
  readonly losses: string | null;
  readonly weights: string | null;
  /** Where they part, or why it was not tried. */
  readonly note: string;
}

/**
 * Runs all trials of a model in a temporary folder; `onResult` learns of each as it ends. Takes the number of steps of
 * every run.
 */
export async function verifyModel(
  given: TrainConfig,
  steps: number,
  onResult: (result: TrialResult) => void,
): Promise<TrialResult[]> {
  if (steps < LEAST_STEPS)
    throw new UsageError(
      'PT_CONFIG_VALUE',
      `steps is ${steps}; verify needs at least ${LEAST_STEPS}`,
      `Use --steps ${LEAST_STEPS} or more.`,
    );
  const { config } = await withMicroBatch(given, null);
  const setup = await setUpRun(trialConfig(await inShort(config, steps), steps, 1));
  const folder = mkdtempSync(join(tmpdir(), 'pipetrain-verify-'));
  const results: TrialResult[] = [];
  const tell = (result: TrialResult): void => {
    results.push(result);
    onResult(result);
  };
  try {
    const references = new Map<string, Outcome>();
    for (const [index, { trial, reason }] of planTrials(setup).entries()) {
      const { name, reference } = trial;
      if (reason !== null) {
        tell({ name, verdict: 'not tried', losses: null, weights: null, note: reason });
        continue;
      }
      const plain = referenceConfig(setup, reference);
      let expected = references.get(reference);
      if (expected === undefined) {
        expected = await runTrial(plain, { kind: 'none' }, join(folder, reference));
        references.set(reference, expected);
        tell({
          name: reference === 'plain' ? 'one device' : 'one device, layers frozen, nothing cached',
          verdict: 'reference',
          losses: expected.losses,
          weights: expected.weights,
          note: '',
        });
      }
      tell(await judge(trial, plain, expected, setup, join(folder, `trial-${index}`)));
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one trial and compares it with the outcome of its reference. */
export async function judge(
  trial: Trial,
  reference: TrainConfig,
  expected: Outcome,
  { model }: RunSetup,
  folder: string,
): Promise<TrialResult> {
  const found = await runTrial(trial.config, trial.disturbance, folder);
  const { losses, weights } = found;
  if (!areEqual(expected, found)) {
    const names = model.blocks.map(({ name }) => name);
    return {
      name: trial.name,
      verdict: 'different',
      losses,
      weights,
      note: await findDifference(reference, trial, names, `${folder}-again`),
    };
  }
  const missed = trial.missed(found.events);
  return { name: trial.name, verdict: missed === null ? 'equal' : 'not tried', losses, weights, note: missed ?? '' };
}

/** The settings of a plain run on one device. */
export function referenceConfig({ config, totalSteps }: RunSetup, kind: Trial['reference']): TrainConfig {
  return kind === 'plain'
    ? config
    : {
        ...config,
        // Nothing freezes before a model is whole.
        grow: 'none',
        freeze: 'manual',
        freezeSchedule: `${freezeAt(totalSteps)}:1`,
        freezeMax: 1,
        cache: 'off',
        dp: 'off',
      };
}

/** All trials, those that this model cannot be put through with the reason. */
export function planTrials(setup: RunSetup): { readonly trial: Trial; readonly reason: string | null }[] {
  const { config, model, numMicroBatches, totalSteps } = setup;
  const layers = countLayers(model.blocks);
  const frozen = referenceConfig(setup, 'frozen');
  const middle = Math.floor(totalSteps / 2) - 1;
  const shaped = (base: TrainConfig, K: number, R: number, workers = K * R): TrainConfig => ({
    ...base,
    devices: sameDevices(config.devices, workers),
    pipeline: K,
    replicas: R,
  });
  const always = (): null => null;
  const tooFew = (needed: number): string | null =>
    model.blocks.length < needed ? `the model has ${model.blocks.length} blocks, ${needed} are needed` : null;
  const oneMicro = numMicroBatches < 2 ? 'a step has one micro-batch only; use a smaller --micro-batch' : null;
  const noLayers =
    layers < 2 ? `the model has ${layers} ${layers === 1 ? 'layer' : 'layers'}; the last one is never frozen` : null;
  const plain = (
    name: string,
    trialed: TrainConfig,
    reason: string | null,
    disturbance: Trial['disturbance'] = { kind: 'none' },
    missed: Trial['missed'] = always,
  ) => ({ trial: { name, reference: 'plain', config: trialed, disturbance, missed } as const, reason });
  const freezing = (name: string, trialed: TrainConfig, reason: string | null, missed: Trial['missed']) => ({
    trial: { name, reference: 'frozen', config: trialed, disturbance: { kind: 'none' }, missed } as const,
    reason,
  });
  return [
    plain('a pipeline of 2 stages', shaped(config, 2, 1), tooFew(2)),
    plain(`a pipeline of ${LONGEST} stages`, shaped(config, LONGEST, 1), tooFew(LONGEST)),
    plain('2 replicas', shaped(config, 1, 2), oneMicro),
    plain('2 replicas of 2 stages', shaped(config, 2, 2), tooFew(2) ?? oneMicro),
    plain(`stopped after step ${middle}, resumed on one device`, shaped(config, 2, 1), tooFew(2), {
      kind: 'resume',
      step: middle,
      as: { devices: sameDevices(config.devices, 1), pipeline: 1, replicas: 1 },
    }),
    plain(
      `a worker killed at step ${middle}`,
      shaped(config, 2, 1),
      tooFew(2),
      { kind: 'kill', step: middle },
      (events) =>
        events.some(({ type }) => type === 'recovered')
          ? null
          : 'the run was over before the loss was noticed; use more --steps',
    ),
    freezing('the cache', { ...frozen, cache: 'auto' }, noLayers, (events) =>
      cacheHits(events) > 0 ? null : whyNoCache(events),
    ),
    freezing(
      'a pipeline that changes its shape as layers freeze',
      { ...shaped(frozen, 2, 1), dp: 'auto', cache: 'auto' },
      noLayers,
      always,
    ),
  ];
}

/** The user's settings, cut down to a short run: two steps an epoch, the second one short. */
export function trialConfig(config: TrainConfig, steps: number, workers: number): TrainConfig {
  const limitSamples = Math.max(2, Math.ceil(1.8 * config.batch));
  return {
    ...config,
    steps,
    limitSamples,
    devices: sameDevices(config.devices, workers),
    pipeline: 1,
    replicas: 1,
    exact: true,
    freeze: 'none',
    evalEvery: 'never',
    checkpointEvery: 'never',
    breakdown: false,
    verifyCache: true,
    cacheCodec: 'f32',
    cacheDiskMb: 0,
    maxRestarts: 3,
    port: 0,
  };
}

/** A model that grows does so once, half-way. */
async function inShort(config: TrainConfig, steps: number): Promise<TrainConfig> {
  if (config.grow === 'none') return config;
  // Its own schedule belongs to a longer run.
  const { growth } = await setUpRun({ ...config, steps: LONG_RUN, freeze: 'none' });
  const [first, last] = [growth?.sizes[0]?.layers, growth?.sizes.at(-1)?.layers];
  const half = Math.floor(steps / 2);
  return { ...config, grow: `0:${first},${half}:${last}`, growFrom: undefined };
}

/** Some epochs are left after it: the cache fills, and is read. */
const freezeAt = (steps: number): number => Math.floor(steps / 4);

const cacheHits = (events: readonly RunEventBody[]): number =>
  events.reduce((sum, event) => sum + (event.type === 'step' ? event.cacheHits : 0), 0);

function whyNoCache(events: readonly RunEventBody[]): string {
  const last = events.findLast((event) => event.type === 'cache.changed');
  return (
    'no record was read from the ' +
    `cache${last?.type === 'cache.changed' && last.state === 'off' ? `: ${last.reason}` : ''}`
  );
}

// ShapeTrial: one short run of a model in a way that must not change its result: as a pipeline, as replicas, with the
// cache, stopped and resumed, with a worker killed. It compares hashes with those of a plain run on one device, and
// finds where they part.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Manifest, readManifest } from '../checkpoint/manifest.js';
import { newestResumePoint } from '../checkpoint/run-checkpoint.js';
import type { TrainConfig } from '../core/config.js';
import type { RunEventBody } from '../events/events.js';
import { RunFolder } from '../run/run-folder.js';
import { runTraining } from '../trainer/run-training.js';

/** How a trial is run, apart from its configuration. */
export type Disturbance =
  | { readonly kind: 'none' }
  | { readonly kind: 'kill'; readonly step: number }
  | { readonly kind: 'resume'; readonly step: number; readonly as: Partial<TrainConfig> };

export interface Trial {
  readonly name: string;
  /** Its result is that of this one. */
  readonly reference: 'plain' | 'frozen';
  readonly config: TrainConfig;
  readonly disturbance: Disturbance;
  /** Says why a run did not try what it was meant to; null where it did. */
  readonly missed: (events: readonly RunEventBody[]) => string | null;
}

export interface Outcome {
  readonly losses: string;
  readonly weights: string;
  readonly metric: number;
  readonly events: readonly RunEventBody[];
}

/** Runs a configuration in the folder `path`, disturbed or not. */
export async function runTrial(config: TrainConfig, disturbance: Disturbance, path: string): Promise<Outcome> {
  const run = RunFolder.create(path);
  const events: RunEventBody[] = [];
  const pids: number[] = [];
  const stop = new AbortController();
  const emit = (event: RunEventBody): void => {
    events.push(event);
    if (event.type === 'worker.joined') pids.push(event.pid);
    if (event.type !== 'step' || disturbance.kind === 'none' || event.step !== disturbance.step) return;
    if (disturbance.kind === 'resume') stop.abort();
    else if (event.replay !== true) process.kill(pids.at(-1) ?? -1, 'SIGKILL');
  };
  await runTraining(config, { runFolder: run, emit, signal: stop.signal }, null);
  if (disturbance.kind === 'resume') {
    const { point } = newestResumePoint(run.checkpointsPath);
    await runTraining(
      { ...config, ...disturbance.as },
      { runFolder: run, emit: (event) => void events.push(event), signal: new AbortController().signal },
      point,
    );
  }
  const end = events.findLast((event) => event.type === 'run.finished');
  if (end?.type !== 'run.finished') throw new Error('a run ended without saying so');
  return { losses: end.lossSha256, weights: end.weightsSha256, metric: end.metric.value, events };
}

/** Equal losses, weights and validation. */
export const areEqual = (a: Outcome, b: Outcome): boolean =>
  a.losses === b.losses && a.weights === b.weights && Object.is(a.metric, b.metric);

/**
 * Runs both again with a checkpoint after every step, and says where they part first. The reference is the plain run of
 * the same settings; `blocks` are the names of the model's blocks.
 */
export async function findDifference(
  reference: TrainConfig,
  trial: Trial,
  blocks: readonly string[],
  folder: string,
): Promise<string> {
  const everyStep = { checkpointEvery: '1 steps', keep: 1_000_000 } as const;
  const expected = await runTrial({ ...reference, ...everyStep }, { kind: 'none' }, join(folder, 'expected'));
  const found = await runTrial({ ...trial.config, ...everyStep }, trial.disturbance, join(folder, 'found'));
  if (areEqual(expected, found)) return 'the second time both were equal: the difference does not come again';
  const [left, right] = ['expected', 'found'].map((name) => manifestsOf(join(folder, name, 'checkpoints'))) as [
    Map<number, Manifest>,
    Map<number, Manifest>,
  ];
  const lossAt = (manifest: Manifest | undefined): number | null | undefined => manifest?.progress.loss;
  for (const [steps, one] of [...left].sort(([a], [b]) => a - b)) {
    const other = right.get(steps);
    if (other === undefined) continue;
    const losses = Object.is(lossAt(one), lossAt(other)) ? '' : `, and its loss: ${lossAt(one)} and ${lossAt(other)}`;
    const block = one.files.find(
      ({ block: index, sha256 }) => other.files.find((file) => file.block === index)?.sha256 !== sha256,
    )?.block;
    if (block !== undefined)
      return `differs first in the update of step ${steps - 1}, block ${block} (${blocks[block]})${losses}`;
    if (losses !== '')
      return `differs first in the loss of step ${steps - 1}: ${lossAt(one)}, ${lossAt(other)}; no block differs yet`;
  }
  return `no step and no block differs; validation gives ${expected.metric} and ${found.metric}`;
}

/** The manifests of the checkpoints in a folder, by their steps; of several of one step the newest. */
function manifestsOf(folder: string): Map<number, Manifest> {
  const names = readdirSync(folder)
    .filter((name) => /^step-\d+(-\d+)?$/.test(name))
    .sort();
  return new Map(
    names.map((name) => readManifest(join(folder, name))).map((manifest) => [manifest.step, manifest] as const),
  );
}

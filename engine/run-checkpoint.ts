// RunCheckpoint: a run put into a checkpoint and taken out of it again: everything that has to come back so that going on equals never having
// stopped. The files themselves are checkpoint.ts.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, PipetrainError } from './core/errors.js';
import { beginCheckpoint, commitCheckpoint, readManifest, verifyFiles, weightsSha256, type BlockFile, type Manifest } from './checkpoint.js';
import type { RunEventBody } from './events.js';
import type { Freezer } from './freezer.js';
import type { Plan } from './plan.js';
import type { Progress } from './progress.js';
import type { RunSetup } from './run-setup.js';

export interface CheckpointRequest {
  /** The checkpoints folder of the run. */
  readonly folder: string;
  readonly setup: RunSetup;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly freezer: Freezer;
  /** Lets the workers write their blocks into a folder. */
  readonly write: (folder: string) => Promise<readonly BlockFile[]>;
}

export interface SavedCheckpoint {
  readonly path: string;
  readonly weightsSha256: string;
  readonly event: Extract<RunEventBody, { type: 'checkpoint.saved' }>;
}

/** A checkpoint from which a run goes on. */
export interface ResumePoint {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Name of the checkpoint after `steps` steps; names sort as the steps do. */
const nameOf = (steps: number): string => `step-${String(steps).padStart(8, '0')}`;

/** Writes a checkpoint of the state between two steps and removes all but the newest ones. */
export async function saveCheckpoint({ folder, setup, plan, progress, freezer, write }: CheckpointRequest): Promise<SavedCheckpoint> {
  const { config, dataset, model } = setup;
  const begin = performance.now();
  const path = join(folder, nameOf(progress.steps));
  const partial = beginCheckpoint(path);
  const files = [...(await write(partial))];
  const sha256 = weightsSha256(partial, model);
  commitCheckpoint(partial, path, {
    format: 'pipetrain-checkpoint-1',
    step: progress.steps,
    seed: config.seed,
    config,
    plan,
    dataDigest: dataset.digest,
    weightsSha256: sha256,
    progress: progress.save(),
    freezer: freezer.save(),
    files,
  });
  for (const old of checkpointsIn(folder).slice(0, -config.keep)) rmSync(join(folder, old), { recursive: true, force: true });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { path, weightsSha256: sha256, event: { type: 'checkpoint.saved', step: progress.steps, path, bytes, seconds: (performance.now() - begin) / 1000 } };
}

/** Names of the whole checkpoints in a folder, oldest first. */
export const checkpointsIn = (folder: string): string[] => readdirSync(folder).filter((name) => /^step-\d+$/.test(name)).sort();

/** Brings progress and freezing back to a checkpoint. */
export function restoreFrom({ manifest }: ResumePoint, progress: Progress, freezer: Freezer): void {
  progress.restore(manifest.progress);
  freezer.restore(manifest.freezer);
}

/**
 * The newest checkpoint that is whole, every file checked against its digest, and why newer ones were refused. Throws a DataError where there is
 * none.
 */
export function newestResumePoint(folder: string): { readonly point: ResumePoint; readonly refused: readonly string[] } {
  const refused: string[] = [];
  for (const name of existsSync(folder) ? checkpointsIn(folder).reverse() : []) {
    const path = join(folder, name);
    try {
      const manifest = readManifest(path);
      verifyFiles(path, manifest);
      return { point: { folder: path, manifest }, refused };
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
      refused.push(error.message);
    }
  }
  const why = refused.length === 0 ? `${folder} holds no checkpoint` : `no checkpoint in ${folder} is whole: ${refused.join('; ')}`;
  throw new DataError('PT_CHECKPOINT_MISSING', why, 'A checkpoint is written when a run ends or is interrupted, and by --checkpoint-every while it runs.');
}

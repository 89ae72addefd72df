// RunCheckpoint: a run put into a checkpoint and taken out of it again: everything that has to come back so that going
// on equals never having stopped. What the files hold is checkpoint.ts; when a checkpoint is written is
// checkpointer.ts.
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DataError, messageOf, PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { LEGEND_FILE, legendOf, legendText } from '../data/legend.js';
import type { Freezer } from '../freezing/freezer.js';
import type { Grower } from '../growing/grower.js';
import { arithmeticOf } from '../run/arithmetic.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { OwnKey } from '../run/own-key.js';
import type { Progress } from '../run/progress.js';
import type { RunSetup } from '../run/run-setup.js';
import { MappedFile } from '../tensor/mapped-file.js';
import { stateElements, stateLayouts } from '../tensor/optimizer.js';
import { CACHE_MANIFEST_FILE, cacheManifest } from './cache-manifest.js';
import { type BlockSource, hashWeights, statesIn, verifyFiles, writeBlock } from './checkpoint.js';
import { CheckpointFolder, checkpointNames, stepOf } from './checkpoint-folder.js';
import type { FileLayer } from './file-layer.js';
import { type BlockFile, type Manifest, manifestText, readManifest } from './manifest.js';

/** All of a run between two steps but its tensors. It does not change when training goes on. */
export type RunState = Pick<Manifest, 'step' | 'plan' | 'progress' | 'freezer' | 'grower' | 'absent' | 'cursor'>;

/** What decides in a run, and remembers what it decided. */
export interface Deciders {
  readonly freezer: Freezer;
  readonly grower: Grower;
}

export interface CheckpointRequest {
  readonly files: FileLayer;
  /** The checkpoints folder of the run. */
  readonly folder: string;
  /** The folder of the run in shared memory. */
  readonly memory: string;
  readonly setup: RunSetup;
  readonly state: RunState;
  /** Every block once; none of them changes before the checkpoint is written. */
  readonly sources: readonly BlockSource[];
  /** Of the user whose run this is; null where there is none. */
  readonly key: OwnKey | null;
}

export interface SavedCheckpoint {
  readonly path: string;
  readonly weightsSha256: string;
  readonly bytes: number;
  /** Why an older checkpoint beyond `--keep` could not be removed, or null. */
  readonly pruneProblem: string | null;
}

/** A checkpoint from which a run goes on. */
export interface ResumePoint {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The state of a run between two steps, as it is now. */
export function runState(
  { sampler }: RunSetup,
  plan: Plan,
  progress: Progress,
  { freezer, grower }: Deciders,
): RunState {
  const { steps } = progress;
  const cursor = { epoch: Math.floor(steps / sampler.stepsPerEpoch), batch: steps % sampler.stepsPerEpoch };
  return {
    step: steps,
    plan,
    progress: progress.save(),
    freezer: freezer.save(),
    grower: grower.save(),
    absent: [...grower.absent],
    cursor,
  };
}

/**
 * Writes a checkpoint and removes all but the newest ones. Where that fails, nothing of it is left, and the older ones
 * are as they were.
 */
export async function saveCheckpoint({
  files,
  folder,
  memory,
  setup,
  state,
  sources,
  key,
}: CheckpointRequest): Promise<SavedCheckpoint> {
  const { config, dataset, modelSource, trained, programs } = setup;
  const target = await CheckpointFolder.begin(files, folder, state.step);
  try {
    const { blocks, weightsSha256 } = await writeBlocks(target, setup, sources);
    const legend = {
      file: LEGEND_FILE,
      ...(await target.add(LEGEND_FILE, [Buffer.from(legendText(legendOf(dataset)))])),
    } as const;
    const cache = {
      file: CACHE_MANIFEST_FILE,
      ...(await target.add(CACHE_MANIFEST_FILE, [
        Buffer.from(JSON.stringify(cacheManifest(memory, config.cacheCodec))),
      ])),
    } as const;
    await target.seal(
      manifestText(
        {
          seed: config.seed,
          config,
          model: modelSource,
          programs: programs(),
          arithmetic: arithmeticOf(config),
          dataDigest: dataset.digest,
          legend,
          trained,
          weightsSha256,
          ...state,
          cache,
          files: blocks,
        },
        key,
      ),
    );
    await target.publish();
    const bytes = blocks.reduce((sum, file) => sum + file.bytes, cache.bytes + legend.bytes);
    return {
      path: target.path,
      weightsSha256,
      bytes,
      pruneProblem: await prune(files, folder, target.name, config.keep, (name) => isNeeded(name, config, state)),
    };
  } catch (error) {
    // A checkpoint that has its name is whole, though nobody can say whether the name is on the disk.
    if (target.state !== 'named') await target.abandon().catch(() => undefined);
    throw error;
  }
}

async function writeBlocks(
  target: CheckpointFolder,
  { config, model, layouts }: RunSetup,
  sources: readonly BlockSource[],
): Promise<{ blocks: BlockFile[]; weightsSha256: string }> {
  const spec = optimizerSpec(config);
  const hash = createHash('sha256');
  const blocks: BlockFile[] = [];
  for (const { block: index, weights, states } of [...sources].sort((a, b) => a.block - b.block)) {
    const block = present(model.blocks[index], `block ${index}`);
    const layout = present(layouts[index], `layout of block ${index}`);
    const opened: MappedFile[] = [];
    const open = (path: string, length: number): MappedFile =>
      present(opened[opened.push(MappedFile.open(path, 4 * length)) - 1], path);
    try {
      const slab = open(weights, layout.length).float32(0, layout.length);
      const elements = stateElements(spec, layout);
      const stateFile = states === null || elements === 0 ? null : open(states, elements);
      const parts = stateFile === null ? [] : statesIn(stateFile.float32(0, elements), stateLayouts(spec, layout));
      blocks.push(await writeBlock(target, index, block, layout, slab, parts));
      await hashWeights(hash, index, block, layout, slab);
    } finally {
      for (const file of opened) file.close();
    }
  }
  return { blocks, weightsSha256: hash.digest('hex') };
}

/** Whether a roll-back would need a checkpoint, or it is the best one and to be kept. */
const isNeeded = (name: string, { keepBest }: RunSetup['config'], { freezer, progress }: RunState): boolean =>
  freezer.guard.watches.some(({ checkpoint }) => checkpoint === name) ||
  (keepBest !== 'off' && stepOf(name) === progress.best?.step);

/**
 * Removes all but the `keep` newest checkpoints up to the one just written. Later ones are left alone: the run went
 * back behind them, and comes by again; and so are those that are needed. Returns why one could not be removed.
 */
async function prune(
  files: FileLayer,
  folder: string,
  newest: string,
  keep: number,
  needed: (name: string) => boolean,
): Promise<string | null> {
  try {
    const names = checkpointNames(await files.list(folder));
    const old = names.slice(0, Math.max(0, names.indexOf(newest) + 1 - keep));
    for (const name of old.filter((one) => !needed(one))) await CheckpointFolder.named(files, folder, name).prune();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Names of the checkpoints in a folder, oldest first; none where there is no such folder, or it cannot be read. */
export function checkpointsIn(folder: string): string[] {
  try {
    return checkpointNames(readdirSync(folder));
  } catch {
    return [];
  }
}

/** Removes the checkpoints of more than `steps` steps: a run that went back on purpose will not come to them again. */
export async function removeLaterCheckpoints(files: FileLayer, folder: string, steps: number): Promise<void> {
  for (const name of checkpointNames(await files.list(folder)))
    if (stepOf(name) > steps) await CheckpointFolder.named(files, folder, name).prune();
}

/** Brings progress, freezing and growth back to a checkpoint. */
export function restoreFrom(
  { folder, manifest }: ResumePoint,
  progress: Progress,
  { freezer, grower }: Deciders,
): void {
  progress.restore(manifest.progress);
  freezer.restore(manifest.freezer);
  grower.restore(manifest.grower);
  // It was written before it had its name, so it cannot say that it is the one to go back to.
  const watch = freezer.guard.watches.at(-1);
  if (watch?.step === manifest.step && watch.checkpoint === null) freezer.guard.keep(basename(folder));
}

/**
 * The newest checkpoint that is whole, every file checked against its digest, and why newer ones were refused. Throws a
 * DataError where there is none.
 */
export function newestResumePoint(folder: string): {
  readonly point: ResumePoint;
  readonly refused: readonly string[];
} {
  const refused: string[] = [];
  for (const name of checkpointsIn(folder).reverse()) {
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
  const why =
    refused.length === 0
      ? `${folder} holds no checkpoint`
      : `no checkpoint in ${folder} is whole: ${refused.join('; ')}`;
  throw new DataError(
    'PT_CHECKPOINT_MISSING',
    why,
    'A checkpoint is written when a run ends or is interrupted, and by --checkpoint-every while it runs.',
  );
}

/**
 * As `newestResumePoint`, for whoever takes what a run came to: the checkpoint of its best validation where the run
 * kept that one (`--keep-best`). `refused` also says where that one is not whole, and the newest is taken.
 */
export function resultPoint(folder: string): { readonly point: ResumePoint; readonly refused: readonly string[] } {
  const newest = newestResumePoint(folder);
  const { manifest } = newest.point;
  const { best } = manifest.progress;
  if (best === null || manifest.config['keepBest'] === 'off' || best.step === manifest.step) return newest;
  const refused = [...newest.refused];
  for (const name of checkpointsIn(folder)
    .filter((one) => stepOf(one) === best.step)
    .reverse()) {
    const path = join(folder, name);
    try {
      const found = readManifest(path);
      verifyFiles(path, found);
      return { point: { folder: path, manifest: found }, refused };
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
      refused.push(error.message);
    }
  }
  return {
    point: newest.point,
    refused: [...refused, `${folder} has no whole checkpoint of the best validation, after step ${best.step}`],
  };
}

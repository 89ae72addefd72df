// A checkpoint is there or not there, whatever moment the writing ends at: every operation on the file system, every
// way in which what was not synced may be lost or torn; and real processes that are killed while they write.
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { weightsSha256 } from '../../engine/checkpoint/checkpoint.js';
import { CheckpointFolder, type CheckpointState } from '../../engine/checkpoint/checkpoint-folder.js';
import { errnoOf, type FileLayer } from '../../engine/checkpoint/file-layer.js';
import { newestResumePoint, runState, saveCheckpoint } from '../../engine/checkpoint/run-checkpoint.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import type { Plan } from '../../engine/core/plan.js';
import { Freezer } from '../../engine/freezing/freezer.js';
import { Grower } from '../../engine/growing/grower.js';
import { Progress } from '../../engine/run/progress.js';
import { type RunSetup, setUpRun } from '../../engine/run/run-setup.js';
import { scratch } from '../scratch.js';
import { TINY } from '../trainer/train-run.js';
import { CrashDisk, Death, type Loss, materialize, type Tearing } from './crash-disk.js';

const OLD = 4;
const NEW = 8;
const TEARINGS: readonly Tearing[] = ['lost', 'half', 'zeros', 'whole'];

let root = '';
let setup: RunSetup;
beforeAll(async () => {
  root = scratch();
  // The folder "in shared memory": two blocks of a model are as good as all.
  mkdirSync(join(root, 'memory'));
  const whole = await setUpRun(
    trainConfigSchema.parse({ ...TINY, modelOptions: { layers: 1, width: 8, heads: 2, patch: 16 }, keep: 1 }),
  );
  setup = {
    ...whole,
    model: { ...whole.model, blocks: whole.model.blocks.slice(0, 2) },
    layouts: whole.layouts.slice(0, 2),
  };
});

/** Writes the state of `step` through a file layer; every state has other numbers. */
async function save(files: FileLayer, folder: string, step: number): Promise<void> {
  const memory = join(root, 'memory');
  const sources = setup.layouts.map(({ length }, block) => {
    const paths = {
      weights: join(memory, `s${step}.b${block}.weights`),
      states: join(memory, `s${step}.b${block}.states`),
    };
    writeFileSync(paths.weights, new Uint8Array(Float32Array.from({ length }, (_, i) => step + block + i).buffer));
    writeFileSync(paths.states, new Uint8Array(Float32Array.from({ length: 2 * length }, (_, i) => -step - i).buffer));
    return { block, ...paths };
  });
  const progress = new Progress();
  for (let i = 0; i < step; i++) progress.add(i, 16, 0.01);
  const plan: Plan = {
    generation: 0,
    frozen: 0,
    microBatch: 2,
    numMicroBatches: 8,
    schedule: 'gpipe',
    replicas: [],
    usesCache: false,
    previousCacheDepth: null,
    frozenBefore: 0,
    sources: [],
    restore: null,
    reason: 'test',
  };
  await saveCheckpoint({
    files,
    folder,
    memory,
    setup,
    state: runState(setup, plan, progress, { freezer: new Freezer(setup), grower: new Grower(setup) }),
    sources,
    key: null,
  });
}

/** A disk with the old checkpoint on it, safe and sound. */
async function diskWithOld(
  options: { readonly liesAboutSync?: boolean } = {},
): Promise<{ disk: CrashDisk; folder: string; first: number }> {
  const folder = '/checkpoints';
  const disk = new CrashDisk(folder, options);
  await save(disk, folder, OLD);
  disk.settle();
  return { disk, folder, first: disk.operations.length };
}

const seen = new Map<string, number>();
/** The step that a resume would go on from, having checked all the bytes. */
function resumedStep(files: ReadonlyMap<string, Buffer>): number {
  const hash = createHash('sha256');
  for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}:${bytes.length}:`).update(bytes);
  const key = hash.digest('hex');
  const known = seen.get(key);
  if (known !== undefined) return known;
  const folder = join(root, key);
  materialize(files, folder);
  const { point } = newestResumePoint(folder);
  expect(weightsSha256(point.folder, point.manifest)).toBe(point.manifest.weightsSha256);
  expect(point.manifest.progress.steps).toBe(point.manifest.step);
  rmSync(folder, { recursive: true });
  seen.set(key, point.manifest.step);
  return point.manifest.step;
}

const keepAll: Loss = (count) => Array.from({ length: count }, (_, i) => i);
const keepNone: Loss = () => [];
const keepFirst =
  (n: number): Loss =>
  (count) =>
    keepAll(count).slice(0, n);
const keepLast =
  (n: number): Loss =>
  (count) =>
    keepAll(count).slice(Math.max(0, count - n));

describe('a crash at every operation of a checkpoint', () => {
  it(
    'leaves the old or the new one whole, whatever was not synced; and the new one for ever once it is ' + 'published',
    async () => {
      const { disk: calm, folder, first } = await diskWithOld();
      await save(calm, folder, NEW);
      const operations = calm.operations.slice(first);
      const published = operations.findIndex((name) => name.startsWith('rename') && name.includes('.partial')) + 1;
      expect(operations[published]).toBe('fsync /');
      expect(operations.filter((name) => name.startsWith('fsync'))).toHaveLength(setup.layouts.length + 5);
      const outcomes = new Set<number>();
      for (let dieAt = 0; dieAt <= operations.length; dieAt++) {
        const { disk } = await diskWithOld();
        disk.before = (_, index) => {
          if (index >= first + dieAt) throw new Death();
        };
        const writing = save(disk, folder, NEW);
        if (dieAt < operations.length) await writing.catch((error: unknown) => expect(error).toBeInstanceOf(Death));
        await writing.catch(() => undefined);
        for (const tearing of TEARINGS)
          for (const loss of [keepAll, keepNone, keepFirst(1), keepFirst(2), keepLast(1), keepLast(2)]) {
            const step = resumedStep(disk.afterCrash(tearing, loss));
            outcomes.add(step);
            expect([OLD, NEW]).toContain(step);
            if (dieAt > published) expect(step).toBe(NEW);
          }
      }
      expect([...outcomes].sort()).toEqual([OLD, NEW]);
    },
  );

  it('also where any of the unsynced changes of a folder are left and the others not', async () => {
    const { disk: calm, folder, first } = await diskWithOld();
    await save(calm, folder, NEW);
    const numOperations = calm.operations.length - first;
    await fc.assert(
      fc.asyncProperty(fc.nat(numOperations), fc.constantFrom(...TEARINGS), fc.nat(), async (dieAt, tearing, bits) => {
        const { disk } = await diskWithOld();
        disk.before = (_, index) => {
          if (index >= first + dieAt) throw new Death();
        };
        await save(disk, folder, NEW).catch(() => undefined);
        const loss: Loss = (count) => keepAll(count).filter((i) => (bits >> (i % 31)) & 1);
        expect([OLD, NEW]).toContain(resumedStep(disk.afterCrash(tearing, loss)));
      }),
      { numRuns: 100 },
    );
  });

  it('is not survived on a disk that says "synced" before it is: the tests above can fail', async () => {
    const { disk, folder } = await diskWithOld({ liesAboutSync: true });
    await save(disk, folder, NEW);
    expect(() => resumedStep(disk.afterCrash('lost', keepAll))).toThrow(/no checkpoint in .* is whole/);
  });

  it('what a dead writer left is swept away by the next one', async () => {
    const { disk, folder, first } = await diskWithOld();
    disk.before = (_, index) => {
      if (index >= first + 5) throw new Death();
    };
    await save(disk, folder, NEW).catch(() => undefined);
    disk.before = () => undefined;
    expect(await disk.list(folder)).toContain('step-00000008.partial');
    await save(disk, folder, 12);
    expect(await disk.list(folder)).toEqual(['step-00000012']);
  });
});

describe('an operation that fails', () => {
  it.each(['ENOSPC', 'EACCES', 'EIO'])(
    'with %s, whichever it is, leaves a whole checkpoint and no half one',
    async (code) => {
      const { disk: calm, folder, first } = await diskWithOld();
      await save(calm, folder, NEW);
      const numOperations = calm.operations.length - first;
      for (let failAt = 0; failAt < numOperations; failAt++) {
        const { disk } = await diskWithOld();
        disk.before = (name, index) => {
          if (index === first + failAt) {
            disk.before = () => undefined;
            throw Object.assign(new Error(`${code}: ${name}`), { code });
          }
        };
        const error: unknown = await save(disk, folder, NEW).then(
          () => null,
          (reason: unknown) => reason,
        );
        if (error !== null) expect(errnoOf(error)).toBe(code);
        const names = await disk.list(folder);
        expect(names.filter((name) => name.endsWith('.partial'))).toEqual([]);
        const step = resumedStep(disk.afterCrash('whole', keepAll));
        expect(step).toBe(error === null || names.includes('step-00000008') ? NEW : OLD);
      }
    },
  );
});

describe('the states of a checkpoint', () => {
  const MOVES: Readonly<Record<string, (target: CheckpointFolder) => Promise<unknown>>> = {
    add: (target) => target.add('x', []),
    seal: (target) => target.seal('{}'),
    publish: (target) => target.publish(),
    prune: (target) => target.prune(),
    abandon: (target) => target.abandon(),
  };
  const PATHS: Readonly<Record<CheckpointState, readonly string[]>> = {
    writing: [],
    synced: ['seal'],
    named: ['seal', 'publish'],
    pruned: ['seal', 'publish', 'prune'],
    abandoned: ['abandon'],
  };
  const LEGAL: Readonly<Record<CheckpointState, readonly string[]>> = {
    writing: ['add', 'seal', 'abandon'],
    synced: ['publish', 'abandon'],
    named: ['prune'],
    pruned: [],
    abandoned: [],
  };
  const cases = (Object.keys(PATHS) as CheckpointState[]).flatMap((state) =>
    Object.keys(MOVES).map((move) => [state, move, LEGAL[state].includes(move)] as const),
  );
  it.each(cases)('%s, then %s: %s', async (state, move, isLegal) => {
    const disk = new CrashDisk('/checkpoints');
    const target = await CheckpointFolder.begin(disk, '/checkpoints', 1);
    for (const step of PATHS[state]) await MOVES[step]?.(target);
    expect(target.state).toBe(state);
    const moving = MOVES[move]?.(target) ?? Promise.reject(new Error(move));
    if (isLegal) await moving;
    else await expect(moving).rejects.toThrow(/it should be|cannot become/);
  });
  it('only one thing happens to it at a time', async () => {
    const target = await CheckpointFolder.begin(new CrashDisk('/checkpoints'), '/checkpoints', 1);
    const first = target.add('x', []);
    await expect(target.seal('{}')).rejects.toThrow(/busy/);
    await first;
  });
  it('a name that is taken is never taken away: the second checkpoint of a step has a name of its own', async () => {
    const { disk, folder } = await diskWithOld();
    await save(disk, folder, OLD);
    expect(await disk.list(folder)).toEqual(['step-00000004-2']);
  });
});

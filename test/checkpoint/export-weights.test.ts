// The exported file holds the parameters of the newest checkpoint, bit for bit, under their names, and nothing else.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportWeights } from '../../engine/checkpoint/export-weights.js';
import { realFiles } from '../../engine/checkpoint/file-layer.js';
import { readSafetensors } from '../../engine/checkpoint/safetensors.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';
import type { TrainedRun } from '../trainer/train-run.js';

let folder = '';
let run: RunFolder;
let trained: TrainedRun;
beforeAll(async () => {
  folder = scratch();
  run = RunFolder.create(join(folder, 'run'));
  trained = await trainInto(run, { steps: 3 });
});

describe('exported weights', () => {
  it('have the digest that the run ended with', async () => {
    const out = join(folder, 'weights.safetensors');
    const exported = await exportWeights(run, out);
    const tensors = readSafetensors(out);
    const hash = createHash('sha256');
    for (const name of [...tensors.keys()].sort())
      hash.update(new Uint8Array((tensors.get(name)?.data as Float32Array).buffer));
    const { weightsSha256 } = trained.finished;
    expect(weightsSha256).toBe(hash.digest('hex'));
    expect(exported).toMatchObject({
      step: 3,
      tensors: tensors.size,
      weightsSha256,
    });
    expect([...tensors.keys()].every((name) => /^\d{4}\.[\w.-]+$/.test(name) && !name.includes('.state'))).toBe(true);
    const hint = 'Name another file with --out';
    await expect(exportWeights(run, out)).rejects.toMatchObject({
      code: 'PT_OUT_IN_USE',
      hint: `${hint}, or delete this one.`,
    });
    for (const other of [folder, '/dev/null'])
      await expect(exportWeights(run, other)).rejects.toMatchObject({ code: 'PT_OUT_IN_USE', hint: `${hint}.` });
  });

  it('are whole or not there: a disk that fills leaves no file', async () => {
    const out = join(folder, 'full.safetensors');
    const full = {
      ...realFiles,
      create: async (path: string) => ({
        ...(await realFiles.create(path)),
        sync: () => Promise.reject(Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })),
      }),
    };
    await expect(exportWeights(run, out, full)).rejects.toMatchObject({ code: 'PT_EXPORT', exitCode: 3 });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

// The exported file holds the parameters of the newest checkpoint, bit for bit, under their names, and nothing else.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { inDType } from '../../engine/checkpoint/export-dtype.js';
import { exportWeights } from '../../engine/checkpoint/export-weights.js';
import { realFiles } from '../../engine/checkpoint/file-layer.js';
import { readSafetensors } from '../../engine/checkpoint/safetensors.js';
import { present } from '../../engine/core/invariant.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { readSafetensorsHeader } from '../../engine/tensor/safetensors-header.js';
import { scratch } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';
import type { TrainedRun } from '../trainer/train-run.js';

/** What 16 bits stand for. */
function halfAs(dtype: 'bf16' | 'f16', half: number): number {
  if (dtype === 'bf16') return new Float32Array(Uint32Array.of(half << 16).buffer)[0] as number;
  const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >>> 10) & 31, (half & 1023) / 1024];
  return sign * (exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15));
}

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

  it('are the running means of a run that kept them', async () => {
    const kept = RunFolder.create(join(folder, 'mean'));
    await trainInto(kept, { ema: 0.5, lr: 'step < 2 ? 1e-2 : 0' });
    const out = join(folder, 'mean.safetensors');
    const { checkpoint } = await exportWeights(kept, out);
    const stored = readdirSync(checkpoint).flatMap((file) =>
      file.endsWith('.safetensors') ? [...readSafetensors(join(checkpoint, file))] : [],
    );
    const weights = new Map(stored);
    const differences = [...readSafetensors(out)].flatMap(([name, { data }]) =>
      Array.from(data, (mean, i) => Math.abs(mean - (weights.get(name)?.data[i] ?? Number.NaN))),
    );
    const most = differences.reduce((a, b) => Math.max(a, b));
    // Two steps of about 1e-2 count for 2^-10 of the mean, ten steps later; a gain of 1 that started at zero would be
    // too small by 2^-12, which is 2e-4.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1e-4);
  });

  it.each([
    ['bf16', 'BF16', 2 ** -8],
    // Half of a step of the smallest normal half, 2^-14, besides.
    ['f16', 'F16', 2 ** -11],
  ] as const)('in %s are the nearest numbers, under the digest of the run', async (dtype, stored, error) => {
    const [exact, out] = [join(folder, `${dtype}-exact.safetensors`), join(folder, `${dtype}.safetensors`)];
    await exportWeights(run, exact);
    const exported = await exportWeights(run, out, { dtype });
    expect(exported).toMatchObject({ dtype, weightsSha256: trained.finished.weightsSha256 });
    const header = readSafetensorsHeader(out, (why) => new Error(why));
    const bytes = readFileSync(out);
    for (const { name, data } of readSafetensors(exact).values()) {
      const tensor = present(header.get(name), name);
      expect(tensor.dtype).toBe(stored);
      const raw = new Uint8Array(bytes.subarray(tensor.offset, tensor.offset + tensor.bytes));
      const halves = new Uint16Array(raw.buffer);
      data.forEach((value, i) => {
        const wrong = Math.abs(halfAs(dtype, present(halves[i], 'a half')) - value);
        expect(wrong, name).toBeLessThanOrEqual(Math.max(error * Math.abs(value), dtype === 'f16' ? 2 ** -25 : 0));
      });
    }
  });

  it('that f16 has no number for are refused, with the tensor and the way out', () => {
    expect(() => inDType('f16', Float32Array.of(1, 65505), '0001.w')).toThrow('0001.w holds 65505; f16 ends at 65504');
    expect(inDType('bf16', Float32Array.of(1e38), '0001.w')).toHaveLength(2);
  });

  it('have the ending of what they are', async () => {
    for (const [name, right] of [
      ['weights.pt', 'weights.safetensors'],
      ['weights', 'weights.safetensors'],
    ] as const)
      await expect(exportWeights(run, join(folder, name))).rejects.toMatchObject({
        code: 'PT_EXPORT_NAME',
        hint: `Use --out ${join(folder, right)}.`,
      });
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
    await expect(exportWeights(run, out, { files: full })).rejects.toMatchObject({ code: 'PT_EXPORT', exitCode: 3 });
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });
});

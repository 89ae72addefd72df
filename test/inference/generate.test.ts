// Generated text: it follows from checkpoint, prompt, choice and seed alone, and a run that trains no language model is
// refused.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { newestResumePoint, type ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfig, trainConfigSchema } from '../../engine/core/config.js';
import { type GeneratedText, type GenerateOptions, generateText } from '../../engine/inference/generate.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { rejectionOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';

const GREEDY: GenerateOptions = { length: 24, temperature: 0, topK: 0, topP: 1, seed: 1 };

let [point, config] = [{} as ResumePoint, {} as TrainConfig];
beforeAll(async () => {
  const folder = scratchWith({ 'text.txt': 'abcdefgh '.repeat(200) });
  const run = RunFolder.create(join(scratch(), 'run'));
  await trainInto(run, {
    model: 'gpt',
    modelOptions: { layers: 1, width: 32, heads: 2 },
    data: `text:${join(folder, 'text.txt')}`,
    dataOptions: { sequence: 12 },
    batch: 16,
    microBatch: 8,
    steps: 40,
    lr: '1e-2',
    freeze: 'none',
    evalEvery: 'never',
  });
  point = newestResumePoint(run.checkpointsPath).point;
  config = trainConfigSchema.parse(point.manifest.config);
}, 60_000);

const written = (prompt: string, options: Partial<GenerateOptions> = {}): Promise<GeneratedText> =>
  generateText(point, config, prompt, { ...GREEDY, ...options });

describe('generated text', () => {
  it('goes on as the training text does, also behind more than the window holds', async () => {
    expect(await written('abc')).toMatchObject({ text: 'defgh abcdefgh abcdefgh ', tokens: 24, unseen: 0 });
    expect(await written('abcdefgh abcdefgh a')).toMatchObject({ text: 'bcdefgh abcdefgh abcdefg', unseen: 7 });
  });

  it('is the same for the same seed, and another one for another', async () => {
    const bold = { temperature: 5, length: 60 };
    const first = await written('abc', bold);
    expect(await written('abc', bold)).toEqual(first);
    expect((await written('abc', { ...bold, seed: 2 })).text).not.toBe(first.text);
  });

  it('is refused without a prompt, for unknown characters, and for other tasks', async () => {
    expect(await rejectionOf(written(''))).toMatchObject({ code: 'PT_GENERATE', exitCode: 2 });
    expect(await rejectionOf(written('xyz'))).toMatchObject({ code: 'PT_DATA_CHARACTER' });
    const run = RunFolder.create(join(scratch(), 'run'));
    await trainInto(run, { steps: 1, freeze: 'none', evalEvery: 'never' });
    const { point: other } = newestResumePoint(run.checkpointsPath);
    const asked = generateText(other, trainConfigSchema.parse(other.manifest.config), 'abc', GREEDY);
    expect(await rejectionOf(asked)).toMatchObject({ code: 'PT_GENERATE', exitCode: 2 });
  }, 60_000);
});

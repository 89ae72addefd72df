// Running text that is read from disk: the same samples as text that is held in memory.
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../engine/data/dataset.js';
import { loadDataset, openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

const open = (path: string, options: object): Dataset => openDataset(`text:${path}`, { ...options });
const line = (i: number): string =>
  `${i} a line with many ünïcödé letters and 🐈, ${'word'.repeat(i % 7)} ${(i * 7919) % 1000}.\n`;
const lines = (length: number): string => Array.from({ length }, (_, i) => line(i)).join('');
/** Samples at even distances, both parts among them. */
const probed = (data: Dataset): number[][] => {
  const total = data.numTrain + data.numValidation;
  const ids = Array.from({ length: 40 }, (_, i) => Math.floor((i * (total - 1)) / 39));
  return ids.flatMap((id) => [fieldOf(data, id, 'tokens'), fieldOf(data, id, 'targets')]);
};

describe('running text from disk', () => {
  it.each(['chars', 'bytes', 'words'])('is that of memory, of the tokenizer %s', (tokenizer) => {
    // Above a block of 4 MiB, whose end is inside of a character now and then.
    const path = join(scratchWith({ 'a.txt': `\ufeff${lines(tokenizer === 'words' ? 400 : 50_000)}` }), 'a.txt');
    const options = { tokenizer, sequence: 32, vocabulary: 500 };
    const held = open(path, { ...options, onDisk: false });
    const tokensDir = join(scratch(), 'tokens');
    // The second time it is found.
    for (const data of [0, 1].map(() => open(path, { ...options, onDisk: true, tokensDir }))) {
      expect(data.summary).toEqual(held.summary);
      expect([data.digest, data.info, data.tokenizer?.identity]).toEqual([
        held.digest,
        held.info,
        held.tokenizer?.identity,
      ]);
      expect(probed(data)).toEqual(probed(held));
    }
    expect(readdirSync(tokensDir)).toHaveLength(2);
  });

  it('is that of memory, of a tokenizer in a file', () => {
    const { cases } = JSON.parse(readFileSync('test/golden/pairs.json', 'utf8')) as { cases: { tokenizer: object }[] };
    const files = Object.fromEntries(cases.map(({ tokenizer }, i) => [`${i}.json`, JSON.stringify(tokenizer)]));
    const folder = scratchWith({ ...files, 'a.txt': 'the dog runs in the park, a man sleeps\n'.repeat(9000) });
    for (const file of Object.keys(files)) {
      const options = { vocab: join(folder, file), sequence: 16 };
      const held = open(join(folder, 'a.txt'), { ...options, onDisk: false });
      const data = open(join(folder, 'a.txt'), { ...options, onDisk: true, tokensDir: join(scratch(), 'tokens') });
      expect([data.digest, data.summary]).toEqual([held.digest, held.summary]);
      expect(probed(data)).toEqual(probed(held));
    }
  });

  it('is held where a tokenizer is trained on it', () => {
    const path = join(scratchWith({ 'a.txt': lines(100) }), 'a.txt');
    const error = errorOf(() => open(path, { tokenizer: 'bpe:300', onDisk: true }));
    expect([error.code, error.hint]).toEqual(['PT_DATA_OPTION', expect.stringContaining('onDisk')]);
  });

  it('is made again where the text or the file of tokens has changed', () => {
    const path = join(scratchWith({ 'a.txt': lines(100) }), 'a.txt');
    const options = { tokenizer: 'bytes', sequence: 8, onDisk: true, tokensDir: join(scratch(), 'tokens') };
    const before = open(path, options);
    const [name = ''] = readdirSync(options.tokensDir).filter((file) => file.endsWith('.tokens'));
    truncateSync(join(options.tokensDir, name), 100);
    expect(probed(open(path, options))).toEqual(probed(open(path, { ...options, onDisk: false })));
    appendFileSync(path, lines(20));
    const after = open(path, options);
    expect(after.numTrain).toBeGreaterThan(before.numTrain);
    expect(after.digest).not.toBe(before.digest);
  });

  it('lets others have their turn while the file is made', async () => {
    const path = join(scratchWith({ 'a.txt': lines(5000) }), 'a.txt');
    const options = { tokenizer: 'bytes', sequence: 32, onDisk: true, tokensDir: join(scratch(), 'tokens') };
    let turns = 0;
    const loaded = loadDataset(`text:${path}`, options);
    const count = (): void => {
      turns += 1;
      if (turns < 3) setImmediate(count);
    };
    setImmediate(count);
    const data = await loaded;
    expect(turns).toBe(3);
    expect(probed(data)).toEqual(probed(open(path, { ...options, onDisk: false })));
  });

  it('reads the beginning alone where no more is wanted', () => {
    const path = join(scratchWith({ 'a.txt': lines(300) }), 'a.txt');
    const options = { tokenizer: 'bytes', sequence: 8, maxBytes: 999, tokensDir: join(scratch(), 'tokens') };
    expect(probed(open(path, { ...options, onDisk: true }))).toEqual(probed(open(path, { ...options, onDisk: false })));
  });

  it('names the line that is no UTF-8, and a folder that it cannot use', () => {
    const folder = scratchWith({ 'a.txt': Buffer.concat([Buffer.from(lines(3)), Buffer.of(0xe4, 10)]) });
    const tokensDir = join(scratch(), 'tokens');
    const path = join(folder, 'a.txt');
    expect(errorOf(() => open(path, { onDisk: true, tokensDir }))).toMatchObject({
      code: 'PT_DATA_ENCODING',
      message: expect.stringContaining('a.txt:4') as string,
    });
    writeFileSync(path, lines(100));
    const error = errorOf(() => open(path, { onDisk: true, tokensDir: path }));
    expect([error.code, error.hint]).toEqual(['PT_DATA_TOKENS', expect.stringContaining('tokensDir=')]);
  });
});

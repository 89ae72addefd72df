// Parquet files and folders of the Hugging Face Hub: rows as of other tables, classes by their names.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../engine/data/dataset.js';
import { loadDataset } from '../../engine/data/open-dataset.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

/** By scripts/golden/make_parquet_golden.py: columns text, label (0 good, 1 bad), minutes and parts. */
const golden = (name: string): Buffer => readFileSync(`test/golden/parquet/${name}.parquet`);
const textOf = (data: Dataset, id: number): string =>
  data.tokenizer?.decode(fieldOf(data, id, 'tokens').filter((token) => token > 2)) ?? '';
const errorOfLoad = (source: string, options = {}): Promise<{ code: string; message: string; hint: string }> =>
  loadDataset(source, options).then(
    () => {
      throw new Error('it was read');
    },
    (error: unknown) => error as { code: string; message: string; hint: string },
  );

describe('a Parquet file', () => {
  it.each(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'])('packed with %s is read', async (codec) => {
    const data = await loadDataset(`parquet:test/golden/parquet/${codec}.parquet`, {
      validation: 0.25,
      tokenizer: 'bytes',
      sequence: 24,
    });
    expect([data.numTrain, data.numValidation, data.labels]).toEqual([9, 3, ['good', 'bad']]);
    const texts = Array.from({ length: 12 }, (_, id) => textOf(data, id)).sort();
    expect(texts).toEqual(Array.from({ length: 12 }, (_, i) => `film ${i} was seen`).sort());
    // The class of a sample is that of its row.
    for (let id = 0; id < 12; id++)
      expect(fieldOf(data, id, 'label')).toEqual([Number(/\d+/.exec(textOf(data, id))?.[0]) % 2]);
  });

  it('has numbers as classes where nothing names them, and other columns by their names', async () => {
    const source = 'parquet:test/golden/parquet/plain.parquet';
    const data = await loadDataset(source, { validation: 0.25 });
    expect([data.labels, data.summary?.columns?.text]).toEqual([['0', '1'], '"text" (column 1)']);
    const minutes = await loadDataset(source, { label: 'minutes', classes: 8, validation: 0.25 });
    expect(minutes.labels).toEqual(['6', '6.5', '7', '7.5', '8', '8.5', '9', '9.5']);
    expect((await errorOfLoad(source, { label: 'parts' })).code).toBe('PT_DATA_JSON');
  });

  it('that is cut off, or is none, is refused', async () => {
    const folder = scratchWith({ 'cut.parquet': golden('snappy').subarray(0, 700), 'none.parquet': 'text,label\n' });
    for (const name of ['cut', 'none'])
      expect(await errorOfLoad(`parquet:${join(folder, `${name}.parquet`)}`)).toMatchObject({
        code: 'PT_DATA_PARQUET',
        message: expect.stringContaining(`${name}.parquet`) as string,
      });
  });
});

describe('a folder of the Hub', () => {
  const parts = {
    'data/train-00000-of-00002.parquet': golden('zstd'),
    'data/train-00001-of-00002.parquet': golden('plain'),
    'data/validation-00000-of-00001.parquet': golden('plain'),
    'data/test-00000-of-00001.parquet': golden('snappy'),
  };

  it('has its parts by their names, in their order', async () => {
    const data = await loadDataset(`hfdata:${scratchWith(parts)}`, {});
    expect([data.numTrain, data.numValidation, data.labels]).toEqual([20, 8, ['good', 'bad']]);
    expect([textOf(data, 0), textOf(data, 12), textOf(data, 20)]).toEqual([
      'film 0 was seen',
      'film 12 was seen',
      'film 12 was seen',
    ]);
  });

  it('has classes by dataset_info.json or its card, whose patterns name the parts', async () => {
    const names = { features: { label: { _type: 'ClassLabel', names: ['yes', 'no'] } } };
    const told = scratchWith({ ...parts, 'dataset_info.json': JSON.stringify(names) });
    expect((await loadDataset(`hfdata:${told}`, {})).labels).toEqual(['yes', 'no']);
    const card = [
      '---',
      'dataset_info:',
      '  features:',
      '  - name: text',
      '    dtype: string',
      '  - name: label',
      '    dtype:',
      '      class_label:',
      '        names:',
      "          '0': fine",
      "          '1': poor",
      'configs:',
      '- config_name: default',
      '  data_files:',
      '  - split: train',
      '    path: data/train-*',
      '  - split: test',
      '    path: data/test-*',
      '---',
      '# A set',
    ].join('\n');
    const data = await loadDataset(`hfdata:${scratchWith({ ...parts, 'README.md': card })}`, {});
    expect([data.numValidation, data.labels]).toEqual([12, ['fine', 'poor']]);
  });

  it('with several configurations asks for one', async () => {
    const folder = scratchWith({ 'small/train.parquet': golden('plain'), 'large/train.parquet': golden('zstd') });
    const error = await errorOfLoad(`hfdata:${folder}`);
    expect([error.code, error.hint]).toEqual(['PT_DATA_OPTION', expect.stringContaining('config=large')]);
    expect((await loadDataset(`hfdata:${folder}`, { config: 'small', validation: 0.25 })).numTrain).toBe(6);
    expect((await errorOfLoad(`hfdata:${folder}`, { config: 'other' })).message).toContain('large, small');
  });

  it('without a training part, or saved as Arrow, is refused with what it is', async () => {
    const lacking = scratchWith({ 'test.parquet': golden('plain') });
    expect((await errorOfLoad(`hfdata:${lacking}`)).message).toContain('test.parquet');
    const saved = await errorOfLoad(`hfdata:${scratchWith({ 'dataset_dict.json': '{}' })}`);
    expect([saved.code, saved.hint]).toEqual(['PT_DATA_FORMAT', expect.stringContaining('to_parquet')]);
  });

  it('without a kind is told which', async () => {
    expect((await errorOfLoad(scratchWith(parts))).message).toContain('write hfdata:');
  });
});

import { describe, expect, it } from 'vitest';
import { packedColumn } from '../../engine/data/column.js';
import { fillField, fillWeights } from '../../engine/data/micro-batch.js';
import { TableDataset } from '../../engine/data/table-dataset.js';

const dataset = new TableDataset({
  source: 'test',
  info: { task: 'other', classes: null, vocabulary: 8, sequence: 2 },
  columns: [packedColumn({ name: 'tokens', shape: [2], dtype: 'int32' }, Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7))],
  numTrain: 3,
  numValidation: 1,
  digest: '',
});

describe('fillField', () => {
  it('copies samples in the order of the ids', () => {
    const out = new Int32Array(6);
    fillField(dataset, 'tokens', Int32Array.of(3, 0, 2), out);
    expect([...out]).toEqual([6, 7, 0, 1, 4, 5]);
  });

  it('repeats the first real sample in rows of padding', () => {
    const out = new Int32Array(6).fill(-9);
    fillField(dataset, 'tokens', Int32Array.of(2, -1, -1), out);
    expect([...out]).toEqual([4, 5, 4, 5, 4, 5]);
  });

  it('takes sample 0 where all is padding', () => {
    const out = new Int32Array(4).fill(-9);
    fillField(dataset, 'tokens', Int32Array.of(-1, -1), out);
    expect([...out]).toEqual([0, 1, 0, 1]);
  });

  it('refuses a sample, a field or a row that does not exist', () => {
    expect(() => fillField(dataset, 'tokens', Int32Array.of(4), new Int32Array(2))).toThrow('sample 4 of 4');
    expect(() => fillField(dataset, 'image', Int32Array.of(0), new Int32Array(2))).toThrow('no field image');
    expect(() => fillField(dataset, 'tokens', Int32Array.of(0, 1), new Int32Array(2))).toThrow('needs 4 elements');
  });
});

describe('fillWeights', () => {
  it('gives real rows their share of the batch and padding nothing', () => {
    const out = new Float32Array(4).fill(9);
    fillWeights(Int32Array.of(5, 6, 7, -1), 3, out);
    expect([...out]).toEqual([Math.fround(1 / 3), Math.fround(1 / 3), Math.fround(1 / 3), 0]);
  });

  it('gives every real sample of a step the same weight, whichever micro-batch it is in', () => {
    const ids = Int32Array.of(4, 2, 0, 1, 3, -1);
    const total = 5;
    const halves = [new Float32Array(3), new Float32Array(3)] as const;
    fillWeights(ids.subarray(0, 3), total, halves[0]);
    fillWeights(ids.subarray(3), total, halves[1]);
    expect(new Set([...halves[0], ...halves[1]])).toEqual(new Set([Math.fround(0.2), 0]));
  });
});

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { dataDoubts } from '../../engine/data/data-doubts.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { realData } from '../real-data.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';
import { idx, images } from './idx-files.js';

const ten = images(10);
const pair = (change: Record<string, Uint8Array> = {}): string =>
  scratchWith({ 'images-idx3-ubyte': ten.images, 'labels-idx1-ubyte': ten.labels, ...change });
const open = (path: string, options: Record<string, unknown> = {}) => openDataset(`mnist:${path}`, options);

describe('mnist', () => {
  it('takes the last fifth of one pair to validate', () => {
    const data = open(pair());
    expect([data.numTrain, data.numValidation]).toEqual([8, 2]);
    expect(data.info).toEqual({
      task: 'image-classification',
      fields: [
        { name: 'image', shape: [2, 3], dtype: 'float32' },
        { name: 'label', shape: [], dtype: 'int32' },
      ],
      classes: 4,
      vocabulary: null,
      sequence: null,
    });
    expect(fieldOf(data, 9, 'label')).toEqual([1]);
    // Exact: both sides round the same double to f32.
    expect(fieldOf(data, 9, 'image')).toEqual(Array(6).fill(Math.fround((9 / 255 - 0.1307) / 0.3081)));
  });

  it('reads the usual four files, gzip or not, in either spelling', () => {
    const [train, test] = [images(6), images(3)];
    const data = open(
      scratchWith({
        'train-images-idx3-ubyte.gz': gzipSync(train.images),
        'train-labels.idx1-ubyte': train.labels,
        't10k-images.idx3-ubyte.gz': gzipSync(test.images),
        't10k-labels-idx1-ubyte': test.labels,
      }),
    );
    expect([data.numTrain, data.numValidation]).toEqual([6, 3]);
    expect(fieldOf(data, 6, 'label')).toEqual([0]);
    expect(fieldOf(data, 7, 'label')).toEqual([1]);
  });

  it('can be cut to fewer samples', () => {
    const data = open(pair(), { maxTrain: 3, maxValidation: 1 });
    expect([data.numTrain, data.numValidation]).toEqual([3, 1]);
    expect(fieldOf(data, 3, 'image')[0]).toBe(Math.fround((8 / 255 - 0.1307) / 0.3081));
  });

  it('has a digest that follows the bytes', () => {
    const changed = Uint8Array.from(ten.labels);
    changed[8] = 3;
    expect(open(pair()).digest).toBe(open(pair()).digest);
    expect(open(pair()).digest).not.toBe(open(pair({ 'labels-idx1-ubyte': changed })).digest);
    const line = (bytes: Uint8Array, name: string): string =>
      `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`;
    const list = line(ten.images, 'images-idx3-ubyte') + line(ten.labels, 'labels-idx1-ubyte');
    expect(open(pair()).digest).toBe(createHash('sha256').update(list).digest('hex'));
  });

  const cases: [name: string, path: () => string, code: string, words: string[]][] = [
    ['a folder that does not exist', () => '/no/such/folder', 'PT_DATA_MISSING', ['/no/such/folder']],
    ['a file in place of a folder', () => join(pair(), 'images-idx3-ubyte'), 'PT_DATA_FOLDER', ['not a folder']],
    ['a folder without the files', () => scratchWith({ 'a.txt': 'a' }), 'PT_DATA_MISSING', ['no MNIST files']],
    [
      'images without labels',
      () => scratchWith({ 'images-idx3-ubyte': ten.images }),
      'PT_DATA_MISSING',
      ['labels-idx1-ubyte'],
    ],
    [
      'labels in place of images',
      () => pair({ 'images-idx3-ubyte': ten.labels }),
      'PT_DATA_MAGIC',
      ['0x00000801', '0x00000803'],
    ],
    [
      'a file that is cut off',
      () => pair({ 'images-idx3-ubyte': ten.images.subarray(0, 70) }),
      'PT_DATA_TRUNCATED',
      ['70 bytes', 'needs 76'],
    ],
    [
      'a file cut off inside its header',
      () => pair({ 'images-idx3-ubyte': ten.images.subarray(0, 9) }),
      'PT_DATA_TRUNCATED',
      ['9 bytes', 'needs 16'],
    ],
    [
      'a file cut off inside its magic number',
      () => pair({ 'images-idx3-ubyte': ten.images.subarray(0, 2) }),
      'PT_DATA_TRUNCATED',
      ['2 bytes', 'needs 16'],
    ],
    [
      'a file that is too long',
      () => pair({ 'labels-idx1-ubyte': Buffer.concat([ten.labels, ten.labels]) }),
      'PT_DATA_TRUNCATED',
      ['36 bytes', 'needs 18'],
    ],
    ['an empty file', () => pair({ 'labels-idx1-ubyte': new Uint8Array(0) }), 'PT_DATA_EMPTY', ['0 bytes']],
    ['a file without elements', () => pair({ 'labels-idx1-ubyte': idx([0], []) }), 'PT_DATA_EMPTY', ['none']],
    [
      'more images than labels',
      () => pair({ 'labels-idx1-ubyte': images(9).labels }),
      'PT_DATA_COUNT',
      ['10 images', '9 labels'],
    ],
    [
      'damaged gzip',
      () =>
        scratchWith({ 'images-idx3-ubyte.gz': gzipSync(ten.images).subarray(0, 30), 'labels-idx1-ubyte': ten.labels }),
      'PT_DATA_GZIP',
      ['images-idx3-ubyte.gz', '30 bytes'],
    ],
    [
      'gzip by name alone',
      () => scratchWith({ 'images-idx3-ubyte.gz': ten.images, 'labels-idx1-ubyte': ten.labels }),
      'PT_DATA_GZIP',
      ['not a whole gzip file'],
    ],
    [
      'too few images to validate',
      () => scratchWith({ 'images-idx3-ubyte': images(4).images, 'labels-idx1-ubyte': images(4).labels }),
      'PT_DATA_SIZE',
      ['4 images', 'at least 1'],
    ],
  ];
  it.each(cases)('refuses %s', (_, path, code, words) => {
    const error = errorOf(() => open(path()));
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(3);
    expect(error.hint).not.toBe('');
    for (const word of words) expect(error.message).toContain(word);
  });

  it('refuses sets whose image sizes differ', () => {
    const error = errorOf(() =>
      open(
        scratchWith({
          'train-images-idx3-ubyte': ten.images,
          'train-labels-idx1-ubyte': ten.labels,
          't10k-images-idx3-ubyte': idx([2, 2, 2], Array(8).fill(0)),
          't10k-labels-idx1-ubyte': images(2).labels,
        }),
      ),
    );
    expect(error.code).toBe('PT_DATA_SIZE');
    expect(error.message).toContain('2x3');
    expect(error.message).toContain('2x2');
  });

  describe('labels', () => {
    const labelled = (train: readonly number[], test: readonly number[], options = {}) =>
      open(
        scratchWith({
          'train-images-idx3-ubyte': images(train.length).images,
          'train-labels-idx1-ubyte': idx([train.length], train),
          't10k-images-idx3-ubyte': images(test.length).images,
          't10k-labels-idx1-ubyte': idx([test.length], test),
        }),
        options,
      );

    it.each<[string, number[], number[], object, string, string]>([
      ['are at least two', [1, 1, 1], [1], {}, 'PT_DATA_CLASSES', 'have 1 label (1)'],
      ['are all trained', [0, 1, 0, 1], [0, 2], {}, 'PT_DATA_LABEL', 'validation image 1 has the label 2'],
      ['have few gaps', [0, 7, 255, 0], [0], {}, 'PT_DATA_CLASSES', '3 labels (0, 7, 255) that go up to 255'],
      ['are as many as said', [0, 7, 0, 7], [0], { classes: 4 }, 'PT_DATA_CLASSES', 'a label is 7'],
    ])('%s', (_, train, test, options, code, message) => {
      const error = errorOf(() => labelled(train, test, options));
      expect([error.code, error.message]).toEqual([code, expect.stringContaining(message)]);
    });

    it('may have gaps, which are told; many where somebody says so', () => {
      const gaps = labelled([0, 1, 3, 0, 1, 3], [0]);
      expect(gaps.info.classes).toBe(4);
      const doubts = dataDoubts(gaps.summary!).join('\n');
      expect(doubts).toContain('1 of 4 classes have no training sample (2); nothing is learned of them');
      expect(doubts).not.toContain('column');
      expect(labelled([0, 7], [7], { classes: 10 }).info.classes).toBe(10);
    });
  });

  it('names the nearest option for one that does not exist', () => {
    const error = errorOf(() => open(pair(), { maxTrian: 4 }));
    expect(error.code).toBe('PT_DATA_OPTION');
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('"maxTrian"');
    expect(error.message).toContain('Did you mean "maxTrain"?');
  });

  it.skipIf(realData === null)('reads the real digits (skipped where there is no real data)', () => {
    const data = open(join(realData as string, 'mnist10k'));
    expect([data.numTrain, data.numValidation, data.info.classes]).toEqual([8000, 2000, 10]);
    // The test set of MNIST begins with these.
    expect([0, 1, 2, 3, 4].map((id) => fieldOf(data, id, 'label')[0])).toEqual([7, 2, 1, 0, 4]);
    let [sum, squares] = [0, 0];
    for (let id = 0; id < 1000; id++) {
      for (const pixel of fieldOf(data, id, 'image')) {
        sum += pixel;
        squares += pixel * pixel;
      }
    }
    // A thousand images of the test set, normalised by the numbers of the training set: near 0 and 1, not equal.
    expect(Math.abs(sum / 784_000)).toBeLessThan(0.05);
    expect(Math.abs(squares / 784_000 - 1)).toBeLessThan(0.1);
  });
});

describe('a gzip file of images', () => {
  const bomb = (declared: number): string => {
    const head = Buffer.from(idx([declared], []));
    return scratchWith({
      'images-idx3-ubyte': images(10).images,
      'labels-idx1-ubyte.gz': gzipSync(Buffer.concat([head, Buffer.alloc(5e6)])),
    });
  };

  it('is not unpacked beyond what its header says', () => {
    expect(errorOf(() => openDataset(`mnist:${bomb(10)}`, {}))).toMatchObject({
      code: 'PT_DATA_TRUNCATED',
      message: expect.stringContaining('longer than its header says: more than 18 bytes') as string,
    });
  });

  it('is not unpacked where its header says more than is read', () => {
    expect(errorOf(() => openDataset(`mnist:${bomb(0xffffffff)}`, {}))).toMatchObject({
      code: 'PT_FILE_TOO_LARGE',
      message: expect.stringContaining('says that it unpacks to 4294967303 bytes; at most') as string,
    });
  });
});

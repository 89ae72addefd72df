import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomKey } from '../../engine/core/random.js';
import { makeAugmentation } from '../../engine/data/augmentations.js';
import { augmentDataset } from '../../engine/data/augmented-dataset.js';
import { countIds, type DataInfo, firstValidationId } from '../../engine/data/dataset.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { Sampler } from '../../engine/data/sampler.js';
import { errorOf } from '../error-of.js';

const images = (...shape: number[]): DataInfo => ({
  task: 'image-classification',
  classes: 2,
  vocabulary: null,
  sequence: null,
  fields: [
    { name: 'image', shape, dtype: 'float32' },
    { name: 'label', shape: [], dtype: 'int32' },
  ],
});

/**
 * The pixel that `shift` by (down, right) puts at (y, x): the nearest one of the image where it looks beyond an edge.
 */
const shifted = (image: Float32Array, H: number, W: number, C: number, down: number, right: number): number[] =>
  Array.from({ length: H * W * C }, (_, i) => {
    const [y, x, c] = [Math.floor(i / (W * C)), Math.floor(i / C) % W, i % C];
    const near = (at: number, length: number): number => Math.min(length - 1, Math.max(0, at));
    return image[(near(y - down, H) * W + near(x - right, W)) * C + c] as number;
  });

describe('the augmentation shift', () => {
  it('moves the image by at most so many pixels each way and repeats its edge, whatever its size', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 9 }),
        fc.integer({ min: 3, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 2 }),
        fc.nat(),
        (H, W, C, pixels, sample) => {
          const before = Float32Array.from({ length: H * W * C }, (_, i) => i);
          const after = before.slice();
          makeAugmentation('shift', C === 1 ? images(H, W) : images(H, W, C), { pixels }).apply(
            after,
            randomKey(1, 'augment', sample, 0),
          );
          const all = Array.from({ length: 2 * pixels + 1 }, (_, d) =>
            Array.from({ length: 2 * pixels + 1 }, (__, r) => shifted(before, H, W, C, d - pixels, r - pixels)),
          );
          expect(all.flat()).toContainEqual([...after]);
        },
      ),
      { numRuns: 50 },
    );
  });
  it('draws every shift, from the key alone', () => {
    const at = (sample: number): string => {
      const image = Float32Array.from({ length: 25 }, (_, i) => i);
      makeAugmentation('shift', images(5, 5), { pixels: 1 }).apply(image, randomKey(3, 'augment', sample, 1));
      return image.join();
    };
    expect(new Set(Array.from({ length: 200 }, (_, sample) => at(sample))).size).toBe(9);
    expect(at(7)).toBe(at(7));
  });
  it('refuses data without images, and shifts beyond the image', () => {
    expect(
      errorOf(() =>
        makeAugmentation(
          'shift',
          { ...images(5, 5), fields: [{ name: 'tokens', shape: [8], dtype: 'int32' }] },
          { pixels: 1 },
        ),
      ),
    ).toMatchObject({ code: 'PT_AUGMENT', message: expect.stringContaining('they have tokens') as string });
    expect(errorOf(() => makeAugmentation('shift', images(5, 4), { pixels: 4 })).message).toContain(
      'a shift by up to 4 pixels would move images of 5 x 4 out of sight',
    );
  });
});

describe('views', () => {
  const plain = openDataset('synthetic:digits', { samples: 40 });
  const augmented = (numViews: number, seed = 1) =>
    augmentDataset(plain, { augmentation: makeAugmentation('shift', plain.info, { pixels: 2 }), numViews, seed });
  const size = plain.info.fields.find(({ name }) => name === 'image')?.shape.reduce((a, b) => a * b, 1) ?? 0;
  const imageOf = (data: typeof plain, id: number): string => {
    const out = new Float32Array(size);
    data.read(id, 'image', out, 0);
    return out.join();
  };
  const labelOf = (data: typeof plain, id: number): number => {
    const out = new Int32Array(1);
    data.read(id, 'label', out, 0);
    return out[0] as number;
  };

  it('of a sample differ and keep its label; validation samples stay as they are', () => {
    const data = augmented(3);
    const { numTrain, numValidation } = plain;
    expect([firstValidationId(data), countIds(data)]).toEqual([3 * numTrain, 3 * numTrain + numValidation]);
    const views = [0, 1, 2].map((view) => imageOf(data, 5 + view * numTrain));
    expect(new Set(views).size).toBeGreaterThan(1);
    for (const view of [0, 1, 2]) expect(labelOf(data, 5 + view * numTrain)).toBe(labelOf(plain, 5));
    for (let i = 0; i < numValidation; i++) expect(imageOf(data, 3 * numTrain + i)).toBe(imageOf(plain, numTrain + i));
  });
  it('are the same whatever was read before, and others for another seed', () => {
    const ids = Array.from({ length: 20 }, (_, i) => i);
    const forth = augmented(2);
    const back = augmented(2);
    const inOrder = ids.map((id) => imageOf(forth, id));
    expect(
      [...ids]
        .reverse()
        .map((id) => imageOf(back, id))
        .reverse(),
    ).toEqual(inOrder);
    expect(ids.map((id) => imageOf(augmented(2, 2), id))).not.toEqual(inOrder);
    // How many there are does not change those there are.
    expect(ids.map((id) => imageOf(augmented(5), id))).toEqual(inOrder);
  });
  it('take turns, one per epoch; every sample comes once in each', () => {
    const sampler = new Sampler({ numTrain: 10, numValidation: 3, numViews: 2, batch: 4, seed: 1 });
    for (const epoch of [0, 1, 2, 3]) {
      const ids = [0, 1, 2].flatMap((step) => [...sampler.batchAt(3 * epoch + step).ids]).filter((id) => id >= 0);
      expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i + 10 * (epoch % 2)));
    }
    expect([...sampler.validationBatch(0, 4)]).toEqual([20, 21, 22, -1]);
  });
  it('are no more than there are ids', () => {
    expect(errorOf(() => augmented(2 ** 30))).toMatchObject({ code: 'PT_AUGMENT' });
  });
});

// Sha256: the digests of Node's, however what is hashed is cut, and put away and gone on from at any place.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sha256 } from '../../engine/core/sha256.js';
import { Progress, progressSchema } from '../../engine/run/progress.js';

const expected = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a digest that is put away and gone on from', () => {
  it('is that of all the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 6 }), (pieces) => {
        let hash = new Sha256();
        for (const piece of pieces) {
          hash.update(piece);
          // What was asked for on the way changes nothing.
          hash.digest();
          hash = new Sha256(JSON.parse(JSON.stringify(hash.save())) as ReturnType<Sha256['save']>);
        }
        expect(hash.digest()).toBe(expected(Buffer.concat(pieces)));
      }),
    );
  });

  it.each([0, 55, 56, 63, 64, 119, 120, 128])('pads %d bytes as the standard says', (length) => {
    const bytes = Uint8Array.from({ length }, (_, i) => i);
    expect(new Sha256().update(bytes).digest()).toBe(expected(bytes));
  });
});

describe('the progress of a run', () => {
  const losses = Array.from({ length: 40 }, (_, i) => Math.fround(3 / (i + 1)));

  it('has the digest of all losses after steps were done again, and from a checkpoint, in the same small state', () => {
    let progress = new Progress();
    for (const loss of losses.slice(0, 20)) progress.add(loss, 8, 0.5);
    const state = progress.save();
    for (const loss of losses.slice(20, 33)) progress.add(loss, 8, 0.5);
    expect(JSON.stringify(progress.save()).length).toBeLessThan(400);
    progress.rewind(state);
    const kept = progressSchema.parse(JSON.parse(JSON.stringify(progress.save())));
    progress = new Progress();
    progress.restore(kept);
    for (const loss of losses.slice(20)) progress.add(loss, 8, 0.5);
    expect(progress.lossSha256).toBe(expected(new Uint8Array(Float32Array.from(losses).buffer)));
    expect(progress).toMatchObject({ steps: 40, samplesSeen: 320, trainSeconds: 20, finalLoss: losses[39] });
  });

  it('keeps a validation of a step that counts, and no other, when steps are undone', () => {
    const progress = new Progress();
    progress.add(1, 8, 1);
    progress.validated(0.5);
    const state = progress.save();
    progress.add(1, 8, 1);
    progress.rewind(state);
    expect(progress.metric).toEqual({ step: 1, value: 0.5 });
    progress.rewind(new Progress().save());
    expect(progress.metric).toBeNull();
  });
});

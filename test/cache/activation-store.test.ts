import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ActivationStore, type StoreShape } from '../../cache/activation-store.js';
import { checksum } from '../../cache/checksum.js';
import { capacityFor, HEADER_BYTES, STATE, storeLayout } from '../../cache/store-layout.js';
import { bitsAt, randomKey } from '../../engine/core/random.js';
import { memoryScratch } from './memory-scratch.js';

const shape: StoreShape = { recordFloats: 33, numSamples: 10, capBytes: 2 ** 20, depth: 4, digest: 'ab'.repeat(32) };

/** Row r holds the activation of sample ids[r]: arbitrary bits, NaN payloads included. */
function activations(ids: readonly number[], recordFloats = shape.recordFloats): Float32Array {
  const words = ids.flatMap((id) =>
    Array.from({ length: recordFloats }, (_, i) => bitsAt(randomKey(1, 'activation', id), i)),
  );
  return new Float32Array(Uint32Array.from(words).buffer);
}
const bytesOf = (data: Float32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Flips one bit of the file. */
function flip(path: string, offset: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  byte[0] = (byte[0] as number) ^ 0x10;
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}

describe('ActivationStore', () => {
  it('gives back what was written, bit for bit, into the row asked for', () => {
    const store = ActivationStore.create(join(memoryScratch(), 's'), shape);
    const from = activations([7, 3]);
    store.write(7, from, 0);
    store.write(3, from, 1);
    const out = new Float32Array(3 * 33);
    expect(store.read(3, out, 0)).toBe(true);
    expect(store.read(7, out, 2)).toBe(true);
    expect(bytesOf(out.subarray(0, 33)).equals(bytesOf(from.subarray(33)))).toBe(true);
    expect(bytesOf(out.subarray(66)).equals(bytesOf(from.subarray(0, 33)))).toBe(true);
    expect(out.subarray(33, 66)).toEqual(new Float32Array(33));
    expect([store.hits, store.misses, store.bytes]).toEqual([2, 0, 2 * 33 * 4]);
    store.close();
  });

  it('misses what was never written, and ids it has no place for', () => {
    const roomForTwo = storeLayout(33, 2).fileBytes + 64;
    const store = ActivationStore.create(join(memoryScratch(), 's'), { ...shape, capBytes: roomForTwo });
    expect(store.capacity).toBe(2);
    const row = activations([0]);
    for (const id of [1, 2, 9, 1e9, -1]) store.write(id, row, 0);
    const out = new Float32Array(33);
    expect([0, 1, 2, 9, 1e9, -1].map((id) => store.has(id))).toEqual([false, true, false, false, false, false]);
    expect([0, 1, 2, 9].map((id) => store.read(id, out, 0))).toEqual([false, true, false, false]);
    expect([store.hits, store.misses]).toEqual([1, 3]);
    store.close();
  });

  it('keeps within its cap, and uses it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 2 ** 22 }),
        (recordFloats, numSamples, capBytes) => {
          const capacity = capacityFor(recordFloats, numSamples, capBytes);
          expect(capacity).toBeLessThanOrEqual(numSamples);
          if (capacity > 0) expect(storeLayout(recordFloats, capacity).fileBytes).toBeLessThanOrEqual(capBytes);
          if (capacity < numSamples)
            expect(storeLayout(recordFloats, capacity + 1).fileBytes).toBeGreaterThan(capBytes);
        },
      ),
    );
    expect(() => ActivationStore.create(join(memoryScratch(), 's'), { ...shape, capBytes: 300 })).toThrow(
      'a cache of 300 bytes does not hold one record of 132 bytes',
    );
  });

  it('is shared: another opening sees records at once, and has counters of its own', () => {
    const path = join(memoryScratch(), 's');
    const writer = ActivationStore.create(path, shape);
    const reader = ActivationStore.open(path, shape);
    expect(reader.has(5)).toBe(false);
    writer.write(5, activations([5]), 0);
    const out = new Float32Array(33);
    expect(reader.read(5, out, 0)).toBe(true);
    expect(bytesOf(out).equals(bytesOf(activations([5])))).toBe(true);
    expect([reader.hits, writer.hits]).toEqual([1, 0]);
    writer.close();
    reader.close();
  });

  it.each([
    ['depth', { depth: 5 }, 'depth 4, wanted is 5'],
    ['weights', { digest: 'cd'.repeat(32) }, `digest ${'ab'.repeat(32)}, wanted is ${'cd'.repeat(32)}`],
    ['record size', { recordFloats: 34 }, 'recordFloats 33, wanted is 34'],
  ])('of another %s is refused', (_, other, message) => {
    const path = join(memoryScratch(), 's');
    ActivationStore.create(path, shape).close();
    expect(() => ActivationStore.open(path, { ...shape, ...other })).toThrow(message);
  });

  it.each([
    ['without its magic', 0, 'is no activation store'],
    ['of another version', 4, 'is a store of version 18'],
    ['whose header does not fit its size', 12, 'its header says'],
  ])('%s is refused', (_, offset, message) => {
    const path = join(memoryScratch(), 's');
    ActivationStore.create(path, shape).close();
    flip(path, offset);
    expect(() => ActivationStore.open(path, shape)).toThrow(message);
  });

  it('treats a damaged record as a miss, counts it, and takes it anew', () => {
    const path = join(memoryScratch(), 's');
    const store = ActivationStore.create(path, shape);
    const { recordOffset, recordStride, checksumOffset } = storeLayout(33, store.capacity);
    const out = new Float32Array(33);
    for (const offset of [
      recordOffset + 2 * recordStride,
      recordOffset + 2 * recordStride + 131,
      checksumOffset + 4 * 2,
    ]) {
      store.write(2, activations([2]), 0);
      expect(store.read(2, out, 0)).toBe(true);
      flip(path, offset);
      expect(store.read(2, out, 0)).toBe(false);
      expect(store.has(2)).toBe(false);
    }
    expect([store.misses, store.hits]).toEqual([3, 3]);
    store.close();
  });

  it('does not show a record whose writer died in the middle; the next writer completes it', () => {
    const path = join(memoryScratch(), 's');
    const store = ActivationStore.create(path, shape);
    const file = openSync(path, 'r+');
    writeSync(file, Uint8Array.of(STATE.writing), 0, 1, HEADER_BYTES + 6);
    closeSync(file);
    expect(store.has(6)).toBe(false);
    expect(store.read(6, new Float32Array(33), 0)).toBe(false);
    store.write(6, activations([6]), 0);
    expect(store.read(6, new Float32Array(33), 0)).toBe(true);
    store.close();
  });

  it('refuses rows outside an array and any use after close', () => {
    const store = ActivationStore.create(join(memoryScratch(), 's'), shape);
    expect(() => store.write(0, new Float32Array(32), 0)).toThrow('row 0 of 33 floats in an array of 32');
    expect(() => store.write(0, new Float32Array(66), 2)).toThrow('row 2');
    store.close();
    expect(() => store.has(0)).toThrow('is closed');
    expect(store.bytes).toBe(0);
    store.close();
  });

  it('is made once by all who attach, and leaves nothing behind', () => {
    const folder = memoryScratch();
    const path = join(folder, 's');
    const [first, second] = [ActivationStore.attach(path, shape), ActivationStore.attach(path, shape)];
    first.write(1, activations([1]), 0);
    expect(second.has(1)).toBe(true);
    expect(readdirSync(folder)).toEqual(['s']);
    first.unlink();
    expect(existsSync(path)).toBe(false);
    first.close();
    second.close();
  });

  it('is made anew by attach where the file is of another level, and never read as it', () => {
    const path = join(memoryScratch(), 's');
    const stale = ActivationStore.attach(path, { ...shape, digest: 'other weights' });
    stale.write(1, activations([1]), 0);
    const fresh = ActivationStore.attach(path, shape);
    expect([fresh.digest, fresh.has(1), stale.has(1)]).toEqual([shape.digest, false, true]);
    fresh.close();
    stale.close();
  });

  it('is shared with another process, both ways, in the documented layout', () => {
    const path = join(memoryScratch(), 's');
    const store = ActivationStore.create(path, shape);
    store.write(3, activations([3]), 0);
    const { recordOffset, recordStride, checksumOffset } = storeLayout(33, store.capacity);
    const at = {
      state: (id: number) => HEADER_BYTES + id,
      record: (id: number) => recordOffset + id * recordStride,
      sum: (id: number) => checksumOffset + 4 * id,
    };
    const words = activations([8]);
    const record = bytesOf(words).toString('base64');
    const sum = checksum(new Int32Array(words.buffer));
    // The child reads record 3 and writes record 8 through the file alone, data before state.
    const script = `
      const fs = require('node:fs');
      const file = fs.openSync(${JSON.stringify(path)}, 'r+');
      const bytes = Buffer.alloc(132 + 1);
      fs.readSync(file, bytes, 0, 132, ${at.record(3)});
      fs.readSync(file, bytes, 132, 1, ${at.state(3)});
      const sum = Buffer.alloc(4);
      sum.writeInt32LE(${sum});
      fs.writeSync(file, Buffer.from('${record}', 'base64'), 0, 132, ${at.record(8)});
      fs.writeSync(file, sum, 0, 4, ${at.sum(8)});
      fs.writeSync(file, Uint8Array.of(${STATE.ready}), 0, 1, ${at.state(8)});
      process.stdout.write(bytes.toString('base64'));`;
    const seen = Buffer.from(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }), 'base64');
    expect(seen.subarray(0, 132).equals(bytesOf(activations([3])))).toBe(true);
    expect(seen[132]).toBe(STATE.ready);
    const out = new Float32Array(33);
    expect(store.read(8, out, 0)).toBe(true);
    expect(bytesOf(out).equals(bytesOf(words))).toBe(true);
    expect(readFileSync(path).subarray(0, 4).toString()).toBe('PTAC');
    store.close();
  });
});

describe('checksum', () => {
  it('changes with any one word, and with the length', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (words, at, change) => {
          const original = Int32Array.from(words);
          const changed = original.slice();
          const index = at % words.length;
          changed[index] = (changed[index] as number) ^ change;
          expect(checksum(changed)).not.toBe(checksum(original));
          expect(checksum(Int32Array.of(...words, 0))).not.toBe(checksum(original));
        },
      ),
    );
  });

  it('notices two swapped words, and is never zero', () => {
    expect(checksum(Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8))).not.toBe(checksum(Int32Array.of(5, 2, 3, 4, 1, 6, 7, 8)));
    expect(checksum(Int32Array.of(1, 2))).not.toBe(checksum(Int32Array.of(2, 1)));
    expect(checksum(new Int32Array(0))).not.toBe(0);
  });
});

import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { crc32, crc32ByTable } from '../../engine/comm/crc32.js';
import { decodeFrame, encodeFrame, FRAME_VERSION, FrameError, sealFrame } from '../../engine/comm/frame.js';

const raw = (value: unknown, options = {}): Uint8Array =>
  new Packr({ useRecords: false, moreTypes: true, ...options }).pack(value);
/**
 * A frame around bytes that stand where a message should, with the right checksum: what is refused is refused for what
 * it holds.
 */
function framed(message: Uint8Array): Uint8Array {
  const bytes = Uint8Array.of(0x93, FRAME_VERSION, 0xce, 0, 0, 0, 0, ...message);
  sealFrame(bytes);
  return bytes;
}
const holding = (value: unknown, options = {}): Uint8Array => framed(raw(value, options));
const bits = (data: Float32Array): number[] => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];

describe('frames', () => {
  const json = fc
    .jsonValue({ maxDepth: 4 })
    .map((value) => JSON.parse(JSON.stringify(value, (_, v: unknown) => (Object.is(v, -0) ? 0 : v))) as unknown);
  // The decoder renames this one key, on purpose.
  const isPlain = (value: unknown): boolean => !JSON.stringify(value).includes('__proto__');

  it('bring plain data back as it was', () => {
    fc.assert(
      fc.property(json.filter(isPlain), fc.string(), (value, key) => {
        expect(decodeFrame(encodeFrame({ type: 'x', value, key }))).toEqual({ type: 'x', value, key });
      }),
    );
  });

  it('keep doubles, large integers, undefined and text of every script', () => {
    const message = {
      type: 'x',
      a: [
        Number.MAX_VALUE,
        Number.MIN_VALUE,
        NaN,
        -Infinity,
        2 ** 40 + 1,
        -(2 ** 33),
        0x7f,
        0x40,
        0xff,
        0xffff,
        0xffffffff,
      ],
      b: undefined,
      c: 'Grüße 世界 🚂'.repeat(40),
    };
    expect(decodeFrame(encodeFrame(message))).toEqual(message);
  });

  it('carry typed arrays bit for bit, aligned, in memory of their own', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 9 }),
        fc.array(fc.integer(), { maxLength: 300 }),
        fc.uint8Array({ maxLength: 70 }),
        (pad, words, bytes) => {
          const ints = Int32Array.from(words);
          // NaN payloads and denormals included: the words are arbitrary.
          const floats = new Float32Array(ints.slice().buffer);
          const decoded = decodeFrame(encodeFrame({ type: 'x', pad, ints, floats, bytes }));
          const [gotInts, gotFloats, gotBytes] = [decoded['ints'], decoded['floats'], decoded['bytes']];
          expect(gotInts).toEqual(ints);
          expect(gotFloats).toBeInstanceOf(Float32Array);
          expect(bits(gotFloats as Float32Array)).toEqual(bits(floats));
          expect(gotBytes).toEqual(bytes);
          expect((gotBytes as Uint8Array).buffer.byteLength).toBe(bytes.length);
          expect((gotFloats as Float32Array).byteOffset % 4).toBe(0);
        },
      ),
    );
  });

  it('do not share memory with the bytes they came from', () => {
    const frame = encodeFrame({ type: 'x', a: Float32Array.of(1, 2), b: Uint8Array.of(3) }).slice();
    const decoded = decodeFrame(frame);
    frame.fill(0);
    expect(decoded).toEqual({ type: 'x', a: Float32Array.of(1, 2), b: Uint8Array.of(3) });
  });

  it('refuse what is too large, on both ends', () => {
    const message = { type: 'x', data: new Float32Array(1000) };
    expect(() => encodeFrame(message, 4000)).toThrow(/message "x" takes 40\d\d bytes; the limit of a frame is 4000/);
    expect(() => decodeFrame(encodeFrame(message), 4000)).toThrow(FrameError);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a bare object', raw({ type: 'x' })],
    ['no type', holding({ kind: 'x' })],
    ['a type that is a number', holding({ type: 5 })],
    ['an array', holding(['type'])],
    ['null', holding(null)],
    ['text', holding('type')],
    ['no message', framed(new Uint8Array(0))],
    ['four parts', Uint8Array.of(0x94, ...holding({ type: 'x' }).subarray(1), 1)],
    ['one byte too many', framed(Uint8Array.of(...raw({ type: 'x' }), 0))],
    ['a frame of the version before, with two parts', raw([FRAME_VERSION, { type: 'x' }])],
    ['a checksum of another width', raw([FRAME_VERSION, 7, { type: 'x' }])],
    ['a wrong checksum', raw([FRAME_VERSION, 0xfffffffe, { type: 'x' }])],
    ['a record definition', holding({ type: 'x' }, { useRecords: true })],
    ['a date', holding({ type: 'x', at: new Date(0) })],
    ['a regular expression', holding({ type: 'x', at: /a+/ })],
    ['an error', holding({ type: 'x', at: new TypeError('a') })],
    ['a set', holding({ type: 'x', at: new Set([1]) })],
    ['an array of doubles', holding({ type: 'x', at: new Float64Array(1) })],
    ['a bigint', holding({ type: 'x', at: 2n ** 60n })],
    ['references', holding(((o) => ({ type: 'x', a: o, b: o }))({}), { structuredClone: true })],
    [
      'a map with number keys',
      holding(
        new Map<unknown, unknown>([
          ['type', 'x'],
          [1, 2],
        ]),
      ),
    ],
    ['bundled strings', holding({ type: 'x', text: 'aaaaaaaaaa' }, { bundleStrings: true })],
    [
      'an array header without its items',
      framed(Uint8Array.of(0x82, ...raw('type'), ...raw('x'), ...raw('a'), 0xdd, 0xff, 0xff, 0xff, 0xff)),
    ],
    [
      'nesting without end',
      framed(Uint8Array.of(0x82, ...raw('type'), ...raw('x'), ...raw('a'), ...new Array<number>(5000).fill(0x91), 0)),
    ],
  ])('refuse %s', (_, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(FrameError);
  });

  it('name both versions where they differ', () => {
    expect(() => decodeFrame(raw([FRAME_VERSION + 1, 0, { type: 'x' }]))).toThrow(
      `a frame of version ${FRAME_VERSION + 1} arrived; this side speaks version ${FRAME_VERSION}`,
    );
    expect(() => decodeFrame(raw([1, { type: 'x' }]))).toThrow('a frame of version 1 arrived');
  });

  it('are refused when one bit of them changed, whichever', () => {
    const frame = encodeFrame({ type: 'commit', step: 12, goesOn: true, rate: 0.25, data: Float32Array.of(1, 2, 3) });
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = frame.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => decodeFrame(damaged), `bit ${bit}`).toThrow(FrameError);
    }
  });

  it('have a checksum that is the CRC-32 everyone knows, with and without the help of zlib', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926); // the check value of the standard
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void expect(crc32ByTable(bytes)).toBe(crc32(bytes))),
    );
  });

  it('give a FrameError or a message for any bytes, never anything else', () => {
    const frame = encodeFrame({ type: 'x', a: [1, 'two', { three: Float32Array.of(3) }], b: 'long text '.repeat(9) });
    const mutated = fc
      .tuple(fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(frame.length))
      .map(([edits, length]) => {
        const bytes = frame.slice();
        for (const [at, value] of edits) bytes[at] = value;
        const cut = bytes.slice(0, Math.max(7, length));
        sealFrame(cut); // a matching checksum lets every mutation through to the checks behind it
        return cut;
      });
    const random = fc.uint8Array({ maxLength: 80 }).map((tail) => framed(tail));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (bytes) => {
        try {
          expect(typeof decodeFrame(bytes).type).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('never change the prototype of an object', () => {
    const decoded = decodeFrame(holding({ type: 'x', ...(JSON.parse('{"__proto__": {"isAdmin": true}}') as object) }));
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect('isAdmin' in decoded).toBe(false);
  });

  it('tell the sender what cannot travel', () => {
    expect(() => encodeFrame({ type: 'x', at: new Date(0) })).toThrow(
      /message "x" cannot be sent: an extension of type 255/,
    );
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => encodeFrame({ type: 'x', loop })).toThrow(FrameError);
  });
});

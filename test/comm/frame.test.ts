import { Packr } from 'msgpackr';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FRAME_VERSION, FrameError } from '../../engine/comm/frame.js';

const raw = (value: unknown, options = {}): Uint8Array => new Packr({ useRecords: false, moreTypes: true, ...options }).pack(value);
const bits = (data: Float32Array): number[] => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];

describe('frames', () => {
  const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value, (_, v: unknown) => (Object.is(v, -0) ? 0 : v))) as unknown);
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
    const message = { type: 'x', a: [Number.MAX_VALUE, Number.MIN_VALUE, NaN, -Infinity, 2 ** 40 + 1, -(2 ** 33), 0x7f, 0x40, 0xff, 0xffff, 0xffffffff], b: undefined, c: 'Grüße 世界 🚂'.repeat(40) };
    expect(decodeFrame(encodeFrame(message))).toEqual(message);
  });

  it('carry typed arrays bit for bit, aligned, in memory of their own', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), fc.array(fc.integer(), { maxLength: 300 }), fc.uint8Array({ maxLength: 70 }), (pad, words, bytes) => {
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
      }),
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
    ['no type', raw([FRAME_VERSION, { kind: 'x' }])],
    ['a type that is a number', raw([FRAME_VERSION, { type: 5 }])],
    ['an array', raw([FRAME_VERSION, ['type']])],
    ['null', raw([FRAME_VERSION, null])],
    ['text', raw([FRAME_VERSION, 'type'])],
    ['three parts', raw([FRAME_VERSION, { type: 'x' }, 1])],
    ['one byte too many', Uint8Array.of(...raw([FRAME_VERSION, { type: 'x' }]), 0)],
    ['a record definition', raw([FRAME_VERSION, { type: 'x' }], { useRecords: true })],
    ['a date', raw([FRAME_VERSION, { type: 'x', at: new Date(0) }])],
    ['a regular expression', raw([FRAME_VERSION, { type: 'x', at: /a+/ }])],
    ['an error', raw([FRAME_VERSION, { type: 'x', at: new TypeError('a') }])],
    ['a set', raw([FRAME_VERSION, { type: 'x', at: new Set([1]) }])],
    ['an array of doubles', raw([FRAME_VERSION, { type: 'x', at: new Float64Array(1) }])],
    ['a bigint', raw([FRAME_VERSION, { type: 'x', at: 2n ** 60n }])],
    ['references', raw([FRAME_VERSION, ((o) => ({ type: 'x', a: o, b: o }))({})], { structuredClone: true })],
    ['a map with number keys', raw([FRAME_VERSION, new Map<unknown, unknown>([['type', 'x'], [1, 2]])])],
    ['bundled strings', raw([FRAME_VERSION, { type: 'x', text: 'aaaaaaaaaa' }], { bundleStrings: true })],
    ['an array header without its items', Uint8Array.of(0x92, 1, 0x82, ...raw('type'), ...raw('x'), ...raw('a'), 0xdd, 0xff, 0xff, 0xff, 0xff)],
    ['nesting without end', Uint8Array.of(0x92, 1, 0x82, ...raw('type'), ...raw('x'), ...raw('a'), ...new Array<number>(5000).fill(0x91), 0)],
  ])('refuse %s', (_, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(FrameError);
  });

  it('name both versions where they differ', () => {
    expect(() => decodeFrame(raw([FRAME_VERSION + 1, { type: 'x' }]))).toThrow(`a frame of version ${FRAME_VERSION + 1} arrived; this side speaks version ${FRAME_VERSION}`);
  });

  it('give a FrameError or a message for any bytes, never anything else', () => {
    const frame = encodeFrame({ type: 'x', a: [1, 'two', { three: Float32Array.of(3) }], b: 'long text '.repeat(9) });
    const mutated = fc.tuple(fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(frame.length)).map(([edits, length]) => {
      const bytes = frame.slice();
      for (const [at, value] of edits) bytes[at] = value;
      return bytes.slice(0, length);
    });
    const random = fc.uint8Array({ maxLength: 80 }).map((tail) => Uint8Array.of(0x92, FRAME_VERSION, ...tail));
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
    const decoded = decodeFrame(raw([FRAME_VERSION, { type: 'x', ...JSON.parse('{"__proto__": {"isAdmin": true}}') as object }]));
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect('isAdmin' in decoded).toBe(false);
  });

  it('tell the sender what cannot travel', () => {
    expect(() => encodeFrame({ type: 'x', at: new Date(0) })).toThrow(/message "x" cannot be sent: an extension of type 255/);
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => encodeFrame({ type: 'x', loop })).toThrow(FrameError);
  });
});

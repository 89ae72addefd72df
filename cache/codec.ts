// The codecs of the cache by name, and what a codec makes of the numbers that go through it. Adding one is one file and
// one line here.
import { invariant } from '../engine/core/invariant.js';
import { Registry } from '../engine/core/registry.js';
import type { PortDType } from '../engine/tensor/shape.js';
import { bf16 } from './codecs/bf16.js';
import type { CacheCodec } from './codecs/cache-codec.js';
import { f16 } from './codecs/f16.js';
import { f32 } from './codecs/f32.js';
import { i8 } from './codecs/i8.js';

export type { CacheCodec } from './codecs/cache-codec.js';

export const CODECS = new Registry<CacheCodec>('codec of the cache', [
  // In the order of listings.
  f32,
  f16,
  bf16,
  i8,
]);

/** A name among them. */
export type CodecName = string;

/** The codec of that name. Throws a UsageError (PT_USAGE) where there is none. */
export const codecOf = (name: CodecName): CacheCodec => CODECS.get(name);

/** What keeps every bit of a bfloat16, in half the memory. */
const exactHalves: CacheCodec = { ...bf16, isExact: true };

/**
 * The codec for activations of a type where the run asks for the codec `name`. Throws a UsageError (PT_USAGE) where
 * there is none of that name.
 */
export function codecFor(name: CodecName, dtype: PortDType): CacheCodec {
  const asked = codecOf(name);
  return dtype === 'bfloat16' && (asked === f32 || asked === bf16) ? exactHalves : asked;
}

/** The numbers of rows [row, row + 1) of `rows` as a reader of the record would get them. */
export function throughCodec(codec: CacheCodec, rows: Float32Array, row: number, recordFloats: number): void {
  if (codec.isExact) return;
  const own = rows.subarray(row * recordFloats, (row + 1) * recordFloats);
  invariant(own.length === recordFloats, () => `row ${row} of ${recordFloats} floats in an array of ${rows.length}`);
  const words = new Int32Array(codec.words(recordFloats));
  codec.encode(own, words);
  codec.decode(words, own);
}

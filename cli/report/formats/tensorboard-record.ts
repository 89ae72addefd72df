// TensorboardRecord: a scalar or the heading of an event file as TensorBoard reads it: a TFRecord around an Event of
// tensorflow/core/util/event.proto. It knows no runs.
import { crc32c } from './crc32c.js';

/** What the first record of a file says. */
const FILE_VERSION = 'brain.Event:2';

/** Numbers of fields; in the low three bits how they are written: 0 varint, 1 eight bytes, 2 sized, 5 four bytes. */
const EVENT = { wallTime: (1 << 3) | 1, step: 2 << 3, fileVersion: (3 << 3) | 2, summary: (5 << 3) | 2 } as const;
const SUMMARY = { value: (1 << 3) | 2 } as const;
const VALUE = { tag: (1 << 3) | 2, simpleValue: (2 << 3) | 5 } as const;

/** The record a file begins with. `wallTime` is seconds since 1970. */
export const headingRecord = (wallTime: number): Buffer =>
  record(Buffer.concat([eightBytes(EVENT.wallTime, wallTime), sized(EVENT.fileVersion, Buffer.from(FILE_VERSION))]));

/** The values of some curves at a step; each is rounded to 32 bits. */
export function scalarRecord(wallTime: number, step: number, scalars: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) => {
    const number = Buffer.alloc(5);
    number.writeUInt8(VALUE.simpleValue);
    number.writeFloatLE(value, 1);
    return sized(SUMMARY.value, Buffer.concat([sized(VALUE.tag, Buffer.from(tag)), number]));
  });
  return record(
    Buffer.concat([
      eightBytes(EVENT.wallTime, wallTime),
      Buffer.from([EVENT.step, ...varint(step)]),
      sized(EVENT.summary, Buffer.concat(values)),
    ]),
  );
}

function record(content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, maskedSum(length), content, maskedSum(content)]);
}

/** The sum, turned, so that a sum over data that have sums in them is not a special one. */
function maskedSum(bytes: Uint8Array): Buffer {
  const sum = crc32c(bytes);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

function eightBytes(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(field);
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

const sized = (field: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([field, ...varint(content.length)]), content]);

/** A whole number that is not negative, seven bits a byte, the lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

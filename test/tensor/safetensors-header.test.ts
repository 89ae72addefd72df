// Headers of safetensors files: which are read, and which are refused. The cases and their answers are those of the
// library of the format (safetensors 0.8.0), with one exception: a name that comes twice is refused even where both
// entries say the same, as the description of the format has it.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensorsHeader } from '../../engine/tensor/safetensors-header.js';
import { scratchWith } from '../scratch.js';

const ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';

/** "whole", or why a file with this header is refused. */
function verdict(header: string | Buffer, dataBytes = 4, headerBytes?: bigint): string {
  const json = Buffer.from(header as string);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(json.length));
  const file = join(scratchWith({ f: Buffer.concat([length, json, Buffer.alloc(dataBytes, 1)]) }), 'f');
  try {
    readSafetensorsHeader(file, (why) => new Error(`refused: ${why}`));
    return 'whole';
  } catch (error) {
    return (error as Error).message;
  }
}
const one = (tensor: string): string => `{"a":${tensor}}`;
const two = (first: string, second: string): string => `{"a":${first},"b":${second}}`;
const f32 = (shape: string, from: number, to: number): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;

describe('a header of safetensors', () => {
  it.each<[string, string, number]>([
    ['of one tensor', one(ENTRY), 4],
    ['of none', '{}', 0],
    ['with metadata', `{"__metadata__":{"format":"pt"},"a":${ENTRY}}`, 4],
    ['with metadata that are null', `{"__metadata__":null,"a":${ENTRY}}`, 4],
    ['that is padded in front and behind', `\n ${one(ENTRY)} \t\r\n  `, 4],
    ['in another order than the data', two(f32('[1]', 4, 8), f32('[1]', 0, 4)), 8],
    ['with empty tensors between others', two(f32('[1]', 0, 4), f32('[0]', 4, 4)), 4],
    ['with a tensor of no axes', one(f32('[]', 0, 4)), 4],
    ['with a tensor at an odd place', two('{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', f32('[1]', 1, 5)), 5],
    ['with a field that the format may get', one(`${ENTRY.slice(0, -1)},"x":[{"y":-0}]}`), 4],
    ['with a name that objects have', `{"__proto__":${ENTRY}}`, 4],
    ['with elements of half a byte', one('{"dtype":"F4","shape":[2],"data_offsets":[0,1]}'), 1],
    ['with a size that no number holds beside one of 0', one(f32('[0,9223372036854775808,4]', 0, 0)), 0],
  ])('%s is read', (_, header, dataBytes) => {
    expect(verdict(header, dataBytes)).toBe('whole');
  });

  it.each<[string, string | Buffer, number, string]>([
    ['with tensors that overlap', two(f32('[2]', 0, 8), f32('[2]', 4, 12)), 12, 'end at 8'],
    ['with a hole', two(f32('[1]', 0, 4), f32('[1]', 8, 12)), 12, 'end at 4'],
    ['with a hole in front', one(f32('[1]', 4, 8)), 8, 'end at 0'],
    ['with bytes behind the last tensor', one(ENTRY), 5, 'take 4 bytes, behind the header there are 5'],
    ['with data that end too early', one(ENTRY), 3, 'take 4 bytes, behind the header there are 3'],
    ['of none, with data', '{}', 4, 'take 0 bytes'],
    ['with places that are the wrong way round', one(f32('[1]', 4, 0)), 4, 'lies at bytes 4 to 0'],
    ['with more bytes than the shape needs', one(f32('[1]', 0, 8)), 8, 'takes 8 bytes, its shape needs 4'],
    ['with fewer bytes than the shape needs', one(f32('[3]', 0, 8)), 8, 'takes 8 bytes, its shape needs 12'],
    ['with half a byte', one('{"dtype":"F4","shape":[1],"data_offsets":[0,1]}'), 1, 'needs 0.5'],
    ['with a size that no number holds before one of 0', one(f32('[9223372036854775808,4,0]', 0, 0)), 0, 'counted'],
    ['with one name twice', `{"a":${f32('[1]', 0, 4)},"a":${f32('[1]', 4, 8)}}`, 8, 'two entries of the name a'],
    ['with one name twice, spelled twice', `{"a":${ENTRY},"\\u0061":${ENTRY}}`, 4, 'two entries of the name a'],
    ['with metadata twice', `{"__metadata__":{},"__metadata__":{}}`, 0, 'two entries'],
    ['with one field twice', one(`{"dtype":"F32",${ENTRY.slice(1)}`), 4, 'dtype twice'],
    ['without a field', one('{"dtype":"F32","data_offsets":[0,4]}'), 4, 'no shape'],
    ['with a type that there is not', one(ENTRY.replace('F32', 'f32')), 4, 'the type f32'],
    ['with a size that is no whole number', one(ENTRY.replace('[1]', '[1.0]')), 4, 'no list of whole numbers'],
    ['with a size below 0', one(ENTRY.replace('[1]', '[-1]')), 4, 'no list of whole numbers'],
    ['with a place of minus 0', one(ENTRY.replace('[0,', '[-0,')), 4, 'not two whole numbers'],
    ['with three places', one(ENTRY.replace('[0,4]', '[0,4,4]')), 4, 'not two whole numbers'],
    ['with a tensor that is a number', one('4'), 4, 'nothing that makes sense'],
    ['with metadata that are no texts', `{"__metadata__":{"x":1},"a":${ENTRY}}`, 4, 'else than a text for x'],
    ['with metadata that are a list', `{"__metadata__":[],"a":${ENTRY}}`, 4, 'no JSON object'],
    ['that is a list', '[]', 0, 'no JSON object'],
    ['that is nothing', '', 0, 'no JSON'],
    ['that ends in zeros', `${one(ENTRY)}\0\0`, 4, 'more follows'],
    ['with a mark of the byte order', `\ufeff${one(ENTRY)}`, 4, 'no JSON'],
    ['with bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 0, 'no JSON'],
    ['with half a character', `{"\\ud800":${ENTRY}}`, 4, 'half a character'],
    ['with a number that is too large', one(`${ENTRY.slice(0, -1)},"x":1e999}`), 4, 'out of range'],
    ['that is nested deeply', one(`${ENTRY.slice(0, -1)},"x":${'['.repeat(126)}${']'.repeat(126)}}`), 4, 'in each'],
  ])('%s is refused', (_, header, dataBytes, why) => {
    expect(verdict(header, dataBytes)).toContain(why);
  });

  it.each<[bigint, string]>([
    [1000n, 'the header needs 1008 bytes, the file has'],
    [100_000_001n, 'the header has 100000001 bytes, the format allows 100000000'],
    [2n ** 64n - 1n, 'the format allows 100000000'],
    [0n, 'no JSON'],
    [47n, 'no JSON'],
  ])('of %s bytes, as the file says, is refused', (bytes, why) => {
    expect(verdict(one(ENTRY), 4, bytes)).toContain(why);
  });
});

// Zip files as PyTorch writes them: every byte has its checksum, nothing is said in two ways, and what cannot be read
// is refused by name.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStoredZip } from '../../engine/model/hf/stored-zip.js';
import { scratchWith } from '../scratch.js';
import { zipFile, type ZipWish } from './zip-file.js';

const A: ZipWish = { name: 'm/data/0', content: Buffer.from('eight by') };
const B: ZipWish = { name: 'm/data/1', content: Buffer.from('tes') };

const read = (bytes: Uint8Array) =>
  readStoredZip(join(scratchWith({ z: bytes }), 'z'), (why) => new Error(`refused: ${why}`));
function refusal(bytes: Uint8Array): string {
  try {
    read(bytes);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

describe('a zip file of stored entries', () => {
  it.each([false, true])('is read, with numbers of 64 bits: %s', (isWide) => {
    const bytes = zipFile([A, B], { isWide });
    const entries = read(bytes);
    expect([...entries.keys()]).toEqual(['m/data/0', 'm/data/1']);
    const { offset, bytes: length } = entries.get('m/data/1') ?? { offset: 0, bytes: 0 };
    expect(bytes.toString('utf8', offset, offset + length)).toBe('tes');
  });

  it('may name checksum and sizes behind the content', () => {
    expect(read(zipFile([{ ...A, flags: 0x808, localBytes: 0, localCrc: 0 }])).size).toBe(1);
  });

  it('of which one bit of the content was turned is refused with both checksums', () => {
    const bytes = zipFile([A, B]);
    bytes[bytes.indexOf('eight')] = 'E'.charCodeAt(0);
    expect(refusal(bytes)).toMatch(/m\/data\/0 is damaged: the CRC-32 is [0-9a-f]{8}, the directory says [0-9a-f]{8}/);
  });

  it.each<[string, readonly ZipWish[], string]>([
    ['with an entry twice', [A, { ...B, name: A.name }], 'two entries of the name m/data/0'],
    ['with a compressed entry', [{ ...A, method: 8 }], 'm/data/0 is compressed'],
    ['with an encrypted entry', [{ ...A, flags: 1 }], 'm/data/0 is encrypted'],
    ['with another name before the content', [{ ...A, localName: 'm/data/9' }], 'the name of its entry m/data/0'],
    ['with another size before the content', [{ ...A, localBytes: 7 }], 'the size of its entry m/data/0'],
    ['with another checksum before the content', [{ ...A, localCrc: 7 }], 'the checksum of its entry m/data/0'],
    ['with sizes that no stored entry has', [{ ...A, storedBytes: 7 }], 'has 8 bytes, of which 7 are stored'],
    ['with two entries in one place', [A, { ...A, name: 'm/x', headerAt: 0 }], 'the name of its entry m/x'],
    ['with an entry that is nowhere', [{ ...A, headerAt: 3 }], 'm/data/0 is damaged'],
  ])('%s is refused', (_, entries, why) => {
    expect(refusal(zipFile(entries))).toContain(why);
  });

  it('with an entry that reaches into the next is refused', () => {
    // The first entry holds a whole second one, which the directory lists, too.
    const inner = zipFile([B]).subarray(0, 30 + B.name.length + B.content.length);
    const outer: ZipWish = { ...A, content: inner };
    expect(refusal(zipFile([outer, { ...B, headerAt: 30 + A.name.length }]))).toContain(
      'its entry m/data/1 begins at 38',
    );
  });

  it('with another number of entries than its end says is refused', () => {
    expect(refusal(zipFile([A, B], { count: 1 }))).toContain('its 1 entries take 54');
    expect(refusal(zipFile([A, B], { count: 3 }))).toContain('entry 2 of 3 of its directory is damaged');
  });

  it('with bytes before it, behind it or without its end is refused', () => {
    const bytes = zipFile([A, B]);
    expect(refusal(Buffer.concat([Buffer.alloc(5), bytes]))).toContain('its directory lies at');
    expect(refusal(Buffer.concat([bytes, Buffer.alloc(5)]))).toContain('no zip file');
    expect(refusal(bytes.subarray(0, -1))).toContain('no zip file');
  });
});

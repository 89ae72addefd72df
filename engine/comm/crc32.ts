// Crc32: the checksum of a frame, and of an entry of a zip file (CRC-32, IEEE 802.3). It tells damage from data; it is
// no protection against an attacker: TLS is.
import zlib from 'node:zlib';

const POLYNOMIAL = 0xedb88320;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/** The checksum byte by byte, for versions of Node.js whose zlib does not offer it (before 20.15). */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  let value = ~before;
  for (let i = 0; i < bytes.length; i++)
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[i] as number)) & 0xff] as number);
  return ~value >>> 0;
}

const native = (zlib as { readonly crc32?: (bytes: Uint8Array, before?: number) => number }).crc32;

/** CRC-32 of the bytes, as an unsigned 32-bit number; `before` is that of the bytes before them. */
export const crc32: (bytes: Uint8Array, before?: number) => number =
  native === undefined ? crc32ByTable : (bytes, before) => native(bytes, before);

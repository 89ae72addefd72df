// Kernel: Linux out of a compressed image (vmlinuz), as the segments that lie in memory once it runs. The emulated
// machine starts with them in place: unpacking a kernel by emulated instructions takes longer than booting it.

const SETUP_SECTORS = 0x1f1;
const MAGIC_AT = 0x202;
const VERSION_AT = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const LZ4_LEGACY = 0x184c2102;
const LZ4_BLOCK_BYTES = 8 << 20;
const PT_LOAD = 1;

/**
 * @typedef {object} Kernel
 * @property {number} entry the physical address of its first instruction, in 64-bit mode
 * @property {{ address: number, bytes: Buffer }[]} segments at physical addresses
 * @property {Buffer} header of the boot protocol, to be copied to 0x1f1 of the boot parameters
 */

/**
 * @param {Buffer} image
 * @returns {Kernel}
 */
export function readKernel(image) {
  if (image.toString('latin1', MAGIC_AT, MAGIC_AT + 4) !== 'HdrS') throw new Error('this is no image of Linux');
  const setupBytes = ((image[SETUP_SECTORS] || 4) + 1) * 512;
  const from = setupBytes + image.readUInt32LE(PAYLOAD_OFFSET);
  const elf = unpackLz4(image.subarray(from, from + image.readUInt32LE(PAYLOAD_LENGTH)));
  if (elf.readUInt32BE(0) !== 0x7f454c46) throw new Error('the image of Linux holds no ELF file');
  const [headersAt, headerBytes, headers] = [
    Number(elf.readBigUInt64LE(32)),
    elf.readUInt16LE(54),
    elf.readUInt16LE(56),
  ];
  const segments = Array.from({ length: headers }, (_, i) => headersAt + i * headerBytes)
    .filter((at) => elf.readUInt32LE(at) === PT_LOAD)
    .map((at) => {
      const [offset, address, length] = [8, 24, 32].map((field) => Number(elf.readBigUInt64LE(at + field)));
      return { address: address ?? 0, bytes: elf.subarray(offset, (offset ?? 0) + (length ?? 0)) };
    });
  const header = image.subarray(SETUP_SECTORS, MAGIC_AT + (image[MAGIC_AT - 1] ?? 0));
  if (image.readUInt16LE(VERSION_AT) < 0x20c) throw new Error('this Linux is too old to be entered in 64-bit mode');
  return { entry: Number(elf.readBigUInt64LE(24)), segments, header };
}

/**
 * Of the older format with blocks of up to 8 MiB, which kernels are packed in.
 * @param {Buffer} packed
 */
function unpackLz4(packed) {
  if (packed.readUInt32LE(0) !== LZ4_LEGACY) throw new Error('this Linux is not packed with LZ4');
  /** @type {Buffer[]} */
  const blocks = [];
  // The length of all that is unpacked stands behind the last block.
  for (let at = 4; at + 4 < packed.length;) {
    const length = packed.readUInt32LE(at);
    blocks.push(unpackBlock(packed.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

/** @param {Buffer} packed */
function unpackBlock(packed) {
  const out = Buffer.allocUnsafe(LZ4_BLOCK_BYTES);
  let [at, to] = [0, 0];
  const length = (/** @type {number} */ nibble) => {
    let sum = nibble;
    if (nibble === 15) for (let more = 255; more === 255; sum += more) more = /** @type {number} */ (packed[at++]);
    return sum;
  };
  while (at < packed.length) {
    const token = /** @type {number} */ (packed[at++]);
    const literals = length(token >> 4);
    packed.copy(out, to, at, at + literals);
    [at, to] = [at + literals, to + literals];
    if (at >= packed.length) break;
    const distance = packed.readUInt16LE(at);
    at += 2;
    const end = to + length(token & 15) + 4;
    for (; to < end; to++) out[to] = /** @type {number} */ (out[to - distance]);
  }
  return out.subarray(0, to);
}

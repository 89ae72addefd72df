// Machine: an emulated computer with AVX-512 and AMX. It has no firmware and no disk: the kernel, its parameters and
// the first file system lie in memory when it starts, and the ROM holds nothing but the way into 64-bit mode. What it
// writes to its serial port is what it says.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { scratchFolder } from '../lab/scratch.mjs';

const PARAMETERS = 0x1000;
const COMMAND_LINE = 0x2000;
const TABLES = 0x3000;
const DESCRIPTORS = 0x5000;
const INITRAMFS = 0x800_0000;
const LOW_MEMORY = 0x9f000;
const HIGH_MEMORY = 0x10_0000;
const CODE_SELECTOR = 0x10;
const DATA_SELECTOR = 0x18;
const ROM_BYTES = 0x1_0000;

/** Instructions in a second of the machine's own time: at more, less of its work is answering its clock. */
const CLOCK = 200_000_000;

/**
 * What firmware would set: IA32_MISC_ENABLE says that moves of strings are fast. Without it Linux takes another way to
 * move memory, which does not fit a processor that has fast short moves.
 */
const FAST_STRINGS = '0x1a0 0 00000000 00000001 00000000 00000000 00000000 00000000\n';
const LISTEN_EVERY_MS = 100;
const LOG_END = 4000;
/** What the first process says last. */
const END = /\n\x01ended (\d+)\r?\n$/;

const KERNEL_WORDS = [
  'console=ttyS0,115200',
  'acpi=off',
  'pci=off',
  'no5lvl',
  'mitigations=off',
  'nokaslr',
  'tsc=reliable',
  'random.trust_cpu=on',
  'panic=-1',
];

/**
 * @typedef {object} Parts
 * @property {string} bochs
 * @property {import('./kernel.mjs').Kernel} kernel
 * @property {Buffer} initramfs
 * @property {number} megabytes of memory
 * @property {boolean} isVerbose
 */

/**
 * Runs until the command of the first file system has ended, and returns its exit status; null when the machine stopped
 * without one.
 * @param {Parts} parts
 * @param {(text: string) => void} hear what the machine writes, as it comes
 * @returns {Promise<number | null>}
 */
export async function runMachine(parts, hear) {
  const folder = scratchFolder('machine');
  writeParts(folder, parts);
  const serial = new Tail(join(folder, 'serial'));
  const child = spawn(parts.bochs, ['-q', '-f', join(folder, 'bochsrc')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => (said = (said + text).slice(-LOG_END)));
  const timer = setInterval(() => hear(serial.more()), LISTEN_EVERY_MS);
  await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
  clearInterval(timer);
  process.removeListener('exit', stop);
  hear(serial.more());
  const end = END.exec(serial.held);
  hear(end ? '\n' : serial.held);
  if (end === null || parts.isVerbose) hear(`${said}\n${readFileSync(join(folder, 'log'), 'utf8').slice(-LOG_END)}\n`);
  rmSync(folder, { recursive: true });
  return end ? Number(end[1]) : null;
}

/**
 * @param {string} folder
 * @param {Parts} parts
 */
function writeParts(folder, { kernel, initramfs, megabytes, isVerbose }) {
  const words = [...KERNEL_WORDS, ...(isVerbose ? ['earlyprintk=ttyS0,115200'] : ['quiet', 'loglevel=1'])];
  writeLowMemory(join(folder, 'low.bin'), kernel, words.join(' '), initramfs.length, megabytes);
  writeFileSync(join(folder, 'initramfs.bin'), initramfs);
  writeFileSync(join(folder, 'rom.bin'), rom(kernel.entry));
  writeFileSync(join(folder, 'msrs'), FAST_STRINGS);
  // There is no screen, but Bochs asks for its firmware.
  writeFileSync(join(folder, 'vga.bin'), Buffer.alloc(512));
  writeFileSync(join(folder, 'serial'), '');
  writeFileSync(join(folder, 'bochsrc'), settings(folder, megabytes));
}

/**
 * @param {string} folder
 * @param {number} megabytes
 */
function settings(folder, megabytes) {
  return [
    `cpu: model=sapphire_rapids, count=1, ips=${CLOCK}, reset_on_triple_fault=0, msrs=${join(folder, 'msrs')}`,
    `memory: guest=${megabytes}, host=${megabytes}, block_size=8192`,
    `romimage: file=${join(folder, 'rom.bin')}, options=none`,
    `vgaromimage: file=${join(folder, 'vga.bin')}`,
    `optramimage1: file=${join(folder, 'low.bin')}, address=0x0`,
    `optramimage2: file=${join(folder, 'initramfs.bin')}, address=0x${INITRAMFS.toString(16)}`,
    'vga: extension=none',
    'config_interface: textconfig',
    'display_library: nogui',
    'clock: sync=none',
    `com1: enabled=1, mode=file, dev=${join(folder, 'serial')}`,
    `log: ${join(folder, 'log')}`,
    'panic: action=fatal',
    'error: action=ignore',
    'info: action=ignore',
    'debug: action=ignore',
    '',
  ].join('\n');
}

/**
 * The kernel, its parameters and the tables that it starts with, at their addresses.
 * @param {string} path
 * @param {import('./kernel.mjs').Kernel} kernel
 * @param {string} commandLine
 * @param {number} initramfsBytes
 * @param {number} megabytes
 */
function writeLowMemory(path, kernel, commandLine, initramfsBytes, megabytes) {
  const file = openSync(path, 'w');
  writeSync(file, parameters(kernel, initramfsBytes, megabytes), 0, null, PARAMETERS);
  writeSync(file, Buffer.from(`${commandLine}\0`), 0, null, COMMAND_LINE);
  writeSync(file, pageTables(), 0, null, TABLES);
  writeSync(file, descriptors(), 0, null, DESCRIPTORS);
  for (const { address, bytes } of kernel.segments) {
    if (address + bytes.length > INITRAMFS) throw new Error('this Linux is too large for the place it is given');
    writeSync(file, bytes, 0, bytes.length, address);
  }
  closeSync(file);
}

/**
 * The page of Linux's boot protocol.
 * @param {import('./kernel.mjs').Kernel} kernel
 * @param {number} initramfsBytes
 * @param {number} megabytes
 */
function parameters(kernel, initramfsBytes, megabytes) {
  const page = Buffer.alloc(4096);
  kernel.header.copy(page, 0x1f1);
  page[0x210] = 0xff; // a loader without a number
  page.writeUInt32LE(INITRAMFS, 0x218);
  page.writeUInt32LE(initramfsBytes, 0x21c);
  page.writeUInt32LE(COMMAND_LINE, 0x228);
  const usable = [
    [0, LOW_MEMORY],
    [HIGH_MEMORY, megabytes * 0x10_0000 - HIGH_MEMORY],
  ];
  page[0x1e8] = usable.length;
  for (const [i, [address = 0, length = 0]] of usable.entries()) {
    page.writeBigUInt64LE(BigInt(address), 0x2d0 + i * 20);
    page.writeBigUInt64LE(BigInt(length), 0x2d8 + i * 20);
    page.writeUInt32LE(1, 0x2e0 + i * 20);
  }
  return page;
}

/** The first 4 GiB at their own addresses, by pages of 1 GiB. */
function pageTables() {
  const tables = Buffer.alloc(2 * 4096);
  tables.writeBigUInt64LE(BigInt(TABLES + 4096 + 3), 0);
  for (let i = 0; i < 4; i++) tables.writeBigUInt64LE((BigInt(i) << 30n) + 0x83n, 4096 + i * 8);
  return tables;
}

function descriptors() {
  const table = Buffer.alloc(32);
  table.writeBigUInt64LE(0x00af9b000000ffffn, CODE_SELECTOR);
  table.writeBigUInt64LE(0x00cf93000000ffffn, DATA_SELECTOR);
  return table;
}

/**
 * What the processor does first: in 16-bit mode it takes the tables, turns on 64-bit mode and jumps to the kernel.
 * @param {number} entry
 */
function rom(entry) {
  const image = Buffer.alloc(ROM_BYTES, 0xf4);
  const word = (/** @type {number} */ value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
  const limitAt = 0x100;
  const code = [
    0xfa, // cli
    ...[0x2e, 0x66, 0x0f, 0x01, 0x16, limitAt & 255, limitAt >> 8], // lgdt cs:[limitAt]
    ...[0x66, 0xb8, ...word(0x20), 0x0f, 0x22, 0xe0], // cr4 = physical address extension
    ...[0x66, 0xb8, ...word(TABLES), 0x0f, 0x22, 0xd8], // cr3 = page tables
    ...[0x66, 0xb9, ...word(0xc0000080), 0x66, 0xb8, ...word(0x100), 0x66, 0x31, 0xd2, 0x0f, 0x30], // efer = long mode
    ...[0x66, 0xbe, ...word(PARAMETERS)], // esi = boot parameters
    ...[0x66, 0xb8, ...word(0x80000011), 0x0f, 0x22, 0xc0], // cr0 = paging, protection
    ...[0x66, 0xea, ...word(entry), CODE_SELECTOR, 0], // jump
  ];
  image.set(code, 0);
  image.set([31, 0, ...word(DESCRIPTORS)], limitAt);
  image.set([0xe9, 0x0d, 0x00], 0xfff0); // the first instruction: a jump to 0
  return image;
}

/** What is appended to a file, as it grows, but for its last line break and what may be the last word behind it. */
class Tail {
  held = '';
  #file;
  #at = 0;
  #decoder = new StringDecoder('utf8');

  /** @param {string} path */
  constructor(path) {
    this.#file = openSync(path, 'r');
  }

  more() {
    const buffer = Buffer.alloc(1 << 16);
    let text = this.held;
    for (let read = 1; read > 0; this.#at += read) {
      read = readSync(this.#file, buffer, 0, buffer.length, this.#at);
      text += this.#decoder.write(buffer.subarray(0, read));
    }
    const at = /\n(\x01.*)?\n?$/s.exec(text)?.index ?? text.length;
    this.held = text.slice(at);
    return text.slice(0, at);
  }
}

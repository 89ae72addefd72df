import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ProcessMemory } from '../../engine/memory/process-memory.js';
import { MappedFile, sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';

const MEBI = 2 ** 20;

it('counts the shared files that the worker made, and not those it maps from others', () => {
  const folder = mkdtempSync(join(sharedMemoryFolder(), 'test-memory-'));
  try {
    const memory = new ProcessMemory(folder, 'w1');
    const before = memory.read().peakBytes;
    const foreign = MappedFile.create(join(folder, 'w10.b0.weights'), 64 * MEBI);
    foreign.float32(0, 16 * MEBI).fill(1);
    memory.noteShared();
    // Pages of shared memory are no private pages; the rest of this process moves by some MB.
    const mapped = memory.read();
    if (process.platform === 'linux') expect(mapped.peakBytes - before).toBeLessThan(32 * MEBI);
    const file = openSync(join(folder, 'w1.b0.weights'), 'w');
    writeSync(file, Buffer.alloc(64 * MEBI));
    closeSync(file);
    memory.noteShared();
    if (process.platform === 'linux') expect(memory.read().peakBytes - mapped.peakBytes).toBeGreaterThan(63 * MEBI);
    foreign.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('never falls', () => {
  const memory = new ProcessMemory(tmpdir(), 'nobody');
  let ballast: Buffer | null = Buffer.alloc(96 * MEBI, 1);
  const high = memory.read();
  expect(ballast.length).toBe(96 * MEBI);
  ballast = null;
  expect(memory.read().peakBytes).toBeGreaterThanOrEqual(high.peakBytes);
  // The kernel tells both in pages, and code may have been mapped in between.
  expect(high.peakBytes).toBeGreaterThan(96 * MEBI);
});

// The shelf of loaded programs: found by content, shared, kept for a while, and lowered once for all processes.
import { beforeAll, describe, expect, it } from 'vitest';
import { DiskCache } from '../../engine/core/disk-cache.js';
import { codeDigest } from '../../engine/tensor/code-digest.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type { Port, Program } from '../../engine/tensor/program.js';
import { ProgramShelf } from '../../engine/tensor/program-shelf.js';
import { scratch } from '../scratch.js';

let folder = '';
beforeAll(() => {
  folder = scratch();
});

const port = (name: string, value: number, size: number): Port => ({
  role: { kind: 'plain', name },
  value,
  shape: [size],
  dtype: 'float32',
});
/** x + constant, made anew at every call. */
const addition = (constant: number, size = 3): Program => ({
  name: 'add',
  graph: {
    values: [0, 1, 2].map((id) => ({ id, shape: [size], dtype: 'float32' })),
    literals: [{ id: 1, data: new Float32Array(size).map((_, i) => constant + i) }],
    nodes: [{ op: 'Add', inputs: [0, 1], outputs: [2], attrs: {} }],
  },
  inputs: [port('x', 0, size)],
  outputs: [port('y', 2, size)],
});
const run = (shelf: ProgramShelf, program: Program): number[] => {
  const loaded = shelf.load(program);
  const y = new Float32Array(3);
  const bound = loaded.bind([Float32Array.of(1, 2, 3)], [y]);
  bound.run();
  bound.free();
  loaded.free();
  return [...y];
};
const counts = (shelf: ProgramShelf) => {
  const { kept, fromDisk, compiled } = shelf.takeCounts();
  return { kept, fromDisk, compiled };
};

describe('the shelf', () => {
  it('finds a program by its content and never takes one for another', () => {
    const shelf = new ProgramShelf(openExecutor({ threads: 1 }), null);
    expect(run(shelf, addition(1))).toEqual([2, 4, 6]);
    expect(run(shelf, addition(1))).toEqual([2, 4, 6]);
    expect(counts(shelf)).toEqual({ kept: 1, fromDisk: 0, compiled: 1 });
    // Differs in one number of a constant.
    expect(run(shelf, addition(-1))).toEqual([0, 2, 4]);
    // -0 + -0 is -0, 0 + -0 is 0: the sign of a zero is content too.
    expect(counts(shelf)).toEqual({ kept: 0, fromDisk: 0, compiled: 1 });
    expect(run(shelf, addition(0))).toEqual([1, 3, 5]);
    run(shelf, {
      ...addition(0),
      graph: { ...addition(0).graph, literals: [{ id: 1, data: Float32Array.of(-0, 1, 2) }] },
    });
    expect(counts(shelf)).toEqual({ kept: 0, fromDisk: 0, compiled: 2 });
    shelf.close();
  });

  it('shares a program among its users and frees it when there are too many idle ones', () => {
    const shelf = new ProgramShelf(openExecutor({ threads: 1 }), null, { mostIdle: 2 });
    const [first, second] = [shelf.load(addition(7)), shelf.load(addition(7))];
    first.free();
    first.free();
    for (const constant of [1, 2, 3]) run(shelf, addition(constant));
    shelf.takeCounts();
    const y = new Float32Array(3);
    const bound = second.bind([Float32Array.of(1, 2, 3)], [y]);
    bound.run();
    expect([...y]).toEqual([8, 10, 12]);
    bound.free();
    // Of the three idle ones the oldest is gone.
    for (const constant of [7, 3, 2]) run(shelf, addition(constant));
    expect(counts(shelf)).toEqual({ kept: 3, fromDisk: 0, compiled: 0 });
    run(shelf, addition(1));
    expect(counts(shelf)).toEqual({ kept: 0, fromDisk: 0, compiled: 1 });
    second.free();
    shelf.close();
  });

  it('lowers once for all processes, as long as the code is the same', () => {
    const disk = new DiskCache(folder, 1 << 20);
    const open = (digest: string): ProgramShelf =>
      new ProgramShelf(openExecutor({ threads: 1 }), { disk, codeDigest: digest });
    const outcomes = ['this', 'this', 'other'].map((digest) => {
      const shelf = open(digest);
      const result = run(shelf, addition(5));
      const outcome = counts(shelf);
      shelf.close();
      expect(result).toEqual([6, 8, 10]);
      return outcome;
    });
    expect(outcomes).toEqual([
      { kept: 0, fromDisk: 0, compiled: 1 },
      { kept: 0, fromDisk: 1, compiled: 0 },
      { kept: 0, fromDisk: 0, compiled: 1 },
    ]);
  });

  it('can name the code that it runs', () => {
    expect(codeDigest()).toMatch(/^[0-9a-f]{64}$/);
    expect(codeDigest()).toBe(codeDigest());
  });
});

// Self-test: proof by a small program that an executor computes, before anything depends on it.
import { ModelError } from '../core/errors.js';
import type { Executor } from './executor.js';
import type { Port, Program } from './program.js';

/** Opens an executor and tests it; one that does not compute is closed. Throws what opening and computing throw. */
export function opened<T extends Executor>(open: () => T): T {
  const executor = open();
  try {
    selfTest(executor);
  } catch (error) {
    executor.close();
    throw error;
  }
  return executor;
}

/** A program of one product of two matrices. */
const productProgram: Program = {
  name: 'self-test',
  graph: {
    values: [
      [2, 3],
      [3, 2],
      [2, 2],
    ].map((shape, id) => ({ id, shape, dtype: 'float32' })),
    literals: [],
    nodes: [{ op: 'BatchMatMul', inputs: [0, 1], outputs: [2], attrs: { transposeA: false, transposeB: false } }],
  },
  inputs: [port('a', 0, [2, 3]), port('b', 1, [3, 2])],
  outputs: [port('c', 2, [2, 2])],
};

function port(name: string, value: number, shape: readonly number[]): Port {
  return { role: { kind: 'plain', name }, value, shape, dtype: 'float32' };
}

/** Multiplies two small matrices, and checks that the result arrives in the buffer that was bound. */
function selfTest(executor: Executor): void {
  const loaded = executor.load(productProgram);
  try {
    const c = new Float32Array(4);
    const bound = loaded.bind([Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(1, 0, 2, 1, 0, 3)], [c]);
    bound.run();
    bound.free();
    const expected = [5, 11, 14, 23];
    if (!expected.every((value, i) => c[i] === value))
      throw new ModelError(
        'PT_EXECUTOR',
        `${executor.name} multiplies two small matrices to [${c.join()}] instead of [${expected.join()}]`,
        'Install pipetrain again and run "pipetrain doctor".',
      );
  } finally {
    loaded.free();
  }
}

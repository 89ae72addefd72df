// Runs a kernel on arrays, without a model around it.
import { type KernelSpec, makeKernel } from '../../../engine/tensor/jit/catalogue.js';
import { missingForKernels } from '../../../engine/tensor/jit/cpu-features.js';
import { ExecutableMemory } from '../../../engine/tensor/jit/executable-memory.js';
import { addressOf, loadKoffi } from '../../../engine/tensor/native.js';

export const missing = missingForKernels();
if (missing !== null) console.warn(`the tests of kernels are skipped: ${missing}`);

/** Floats behind each output that a kernel must leave alone. */
const GUARD = 64;
const UNTOUCHED = 12345;

export interface KernelRun {
  readonly outputs: readonly Float32Array[];
  /** No output was written beyond its end. */
  readonly isInBounds: boolean;
}

/**
 * `shift` moves all buffers away from a round address, by floats. The parts of the work are done one after the other,
 * the last one first.
 */
export function runKernel(
  spec: KernelSpec,
  inputs: readonly (Float32Array | Int32Array)[],
  shift = 0,
  threads = 1,
): KernelRun {
  const kernel = makeKernel(spec, threads);
  const region = new ExecutableMemory(kernel.code.length);
  region.bytes.set(kernel.code);
  region.seal();
  const scratch = new Float32Array(kernel.scratchBytes / 4 + 32).fill(Number.NaN);
  const start = addressOf(scratch);
  const call = loadKoffi().decode(region.address, loadKoffi().proto('void', ['void *', 'void *', 'size_t'])) as (
    buffers: bigint,
    scratch: bigint,
    part: number,
  ) => void;
  const placed = inputs.map((input) => {
    const whole =
      input instanceof Float32Array ? new Float32Array(input.length + shift) : new Int32Array(input.length + shift);
    whole.set(input, shift);
    return whole.subarray(shift);
  });
  const written = kernel.outputs.map((length) =>
    new Float32Array(shift + length + GUARD).fill(UNTOUCHED).subarray(shift),
  );
  const table = BigUint64Array.from([...placed, ...written], addressOf);
  for (let part = (kernel.parts ?? 1) - 1; part >= 0; part--) call(addressOf(table), start + (-start & 63n), part);
  region.free();
  const outputs = written.map((output, i) => output.slice(0, kernel.outputs[i]));
  const isInBounds = written.every((output) =>
    output.subarray(output.length - GUARD).every((value) => value === UNTOUCHED),
  );
  return { outputs, isInBounds };
}

/** Whole numbers from -4 to 4, which products of a few thousand terms add without rounding. */
export function wholeNumbers(length: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) % 9) - 4;
  });
}

// Runs a kernel on arrays, without a model around it.
import { type KernelSpec, makeKernel } from '../../../engine/tensor/jit/catalogue.js';
import { type HalfWay, halfWay, missingForKernels } from '../../../engine/tensor/jit/cpu-features.js';
import { ExecutableMemory } from '../../../engine/tensor/jit/executable-memory.js';
import { addressOf, loadKoffi } from '../../../engine/tensor/native.js';
import type { HostArray } from '../../../engine/tensor/shape.js';

export const missing = missingForKernels();
if (missing !== null) console.warn(`the tests of kernels are skipped: ${missing}`);

/** Why products of bfloat16 cannot be computed in a way here; null where they can. */
export function missingForWay(way: HalfWay): string | null {
  if (missing !== null) return missing;
  const fastest = halfWay();
  if (way === 'widened' || fastest.way === 'tiles' || fastest.way === way) return null;
  return fastest.because;
}

/** Elements behind each output that a kernel must leave alone. */
const GUARD = 64;
const UNTOUCHED = 12345;

export interface KernelRun<Output extends HostArray = Float32Array> {
  readonly outputs: readonly Output[];
  /** No output was written beyond its end. */
  readonly isInBounds: boolean;
}

/**
 * `shift` moves all buffers away from a round address, by elements. The parts of the work are done one after the other,
 * the last one first.
 */
export function runKernel<Output extends HostArray = Float32Array>(
  spec: KernelSpec,
  inputs: readonly HostArray[],
  shift = 0,
  threads = 1,
  way?: HalfWay,
): KernelRun<Output> {
  const kernel = makeKernel(spec, threads, way === undefined ? undefined : () => way);
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
    const whole = new (input.constructor as Constructor)(input.length + shift);
    whole.set(input, shift);
    return whole.subarray(shift);
  });
  const written = kernel.outputs.map((length, i) => {
    const Type: Constructor = kernel.outputTypes?.[i] === 'bfloat16' ? Uint16Array : Float32Array;
    return new Type(shift + length + GUARD).fill(UNTOUCHED).subarray(shift) as Output;
  });
  const table = BigUint64Array.from([...placed, ...written], addressOf);
  for (let part = (kernel.parts ?? 1) - 1; part >= 0; part--) call(addressOf(table), start + (-start & 63n), part);
  region.free();
  const outputs = written.map((output, i) => output.slice(0, kernel.outputs[i]) as Output);
  const isInBounds = written.every((output) =>
    output.subarray(output.length - GUARD).every((value) => value === UNTOUCHED),
  );
  return { outputs, isInBounds };
}

type Constructor = new (length: number) => HostArray;

/** Whole numbers from -4 to 4, which products of a few thousand terms add without rounding. */
export function wholeNumbers(length: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) % 9) - 4;
  });
}

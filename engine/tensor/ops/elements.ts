// Calls of our kernels that go over elements: they read bfloat16 where the operands are widened from it, and write it
// where the first result is only rounded.
import type { KernelSpec } from '../jit/catalogue.js';
import type { EmitContext } from './definition.js';

type ElementsSpec = Extract<KernelSpec, { halves?: object }>;

/** A call of the kernel with all inputs of the op, of which the first `numHalves` may be bfloat16. */
export function finishElements(e: EmitContext, kernel: ElementsSpec, numHalves: number): void {
  const reads = e.inputs.slice(0, numHalves).map(({ half }) => half !== undefined);
  const writes = e.isOnlyRounded(0);
  const names = e.inputs.map(({ name, half }, i) => (reads[i] === true ? (half ?? name) : name));
  const isPlain = !writes && !reads.includes(true);
  e.finishKernel(isPlain ? kernel : { ...kernel, halves: { reads, writes } }, names, writes ? [0] : []);
}

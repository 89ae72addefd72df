// Processor: what of this machine's processor the bits of a result may depend on: its architecture, and the vector
// instructions that libraries choose their kernels by. Two machines with the same give the same bits; how fast they are
// is not told.
import { readFileSync } from 'node:fs';

/**
 * Instruction sets by which kernels for floating-point numbers are chosen; the rest of what Linux lists makes no
 * difference to them.
 */
const RELEVANT = /^(sse4_[12]|avx.*|fma|f16c|amx_.*|asimd.*|sve.*|bf16|i8mm|vsx|vx)$/;

/** The flags of a processor, as /proc/cpuinfo lists them. */
export function vectorFlags(cpuinfo: string): string[] {
  const listed = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return [...new Set(listed.split(/\s+/).filter((flag) => RELEVANT.test(flag)))].sort();
}

/**
 * This machine's architecture and vector instructions, e.g. `x64 avx avx2 f16c fma sse4_1 sse4_2`. Without /proc the
 * architecture alone.
 */
export function processorKind(): string {
  try {
    return [process.arch, ...vectorFlags(readFileSync('/proc/cpuinfo', 'utf8'))].join(' ');
  } catch {
    return process.arch;
  }
}

/** What one has and the other has not, in words. */
export function processorDifference(mine: string, theirs: string): string {
  const [own, other] = [mine.split(' '), theirs.split(' ')];
  const only = (a: readonly string[], b: readonly string[]): string =>
    a.filter((flag) => !b.includes(flag)).join(', ') || 'nothing';
  return `only here: ${only(own, other)}; only there: ${only(other, own)}`;
}

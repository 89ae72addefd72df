// Parts: the cut of a kernel's work into ranges for threads, and the code that sends each thread to its own.
import type { Assembler } from '../x86/assembler.js';
import type { GeneralRegister } from '../x86/registers.js';

/** [from, to). */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * At most `threads` ranges of about the same length that cover [0, count); their borders are multiples of `unit`. One
 * where there is nothing.
 */
export function rangesOf(count: number, threads: number, unit: number): Range[] {
  const length = Math.ceil(count / unit / threads) * unit;
  return Array.from({ length: Math.max(1, Math.ceil(count / length)) }, (_, i) => ({
    from: i * length,
    to: Math.min((i + 1) * length, count),
  }));
}

/**
 * The code of all parts; `part` has the number of the one to do. `write` appends all that a part does, its return
 * included.
 */
export function emitParts(a: Assembler, count: number, part: GeneralRegister, write: (part: number) => void): void {
  const labels = Array.from({ length: count }, () => a.label());
  labels.slice(1).forEach((label, i) => {
    a.cmp(part, i + 1);
    a.je(label);
  });
  labels.forEach((label, i) => {
    a.bind(label);
    write(i);
  });
}

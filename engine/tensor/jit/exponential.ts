// Exponential: e^x of a vector, in place, by a polynomial: at most 2 units in the last place off, and the same for an
// element wherever it stands.
import type { Assembler } from '../x86/assembler.js';
import { ROUND } from '../x86/assembler.js';
import type { VectorRegister } from '../x86/registers.js';

/** ln 2 in two parts, the first with few bits, so that its multiples are exact (Cody and Waite). */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.12194440054690583e-4;
/** Minimax polynomial of (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2 (Cephes, expf). */
const COEFFICIENTS = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
];
/** Below it the result is less than the smallest normal number. */
const LOWEST = -104;
const HIGHEST = 89;

/** x = e^x; `n` and `p` are changed. NaN stays NaN. */
export function emitExponential(a: Assembler, x: VectorRegister, n: VectorRegister, p: VectorRegister): void {
  // The limits first: where x is NaN, these two instructions return their second operand.
  a.vbroadcastss(n, a.float(LOWEST));
  a.vmaxps(x, n, x);
  a.vbroadcastss(n, a.float(HIGHEST));
  a.vminps(x, n, x);
  a.vmulps(n, x, a.splat(Math.LOG2E));
  a.vrndscaleps(n, n, ROUND.nearest);
  a.vfnmadd231ps(x, n, a.splat(LN2_HIGH));
  a.vfnmadd231ps(x, n, a.splat(LN2_LOW));
  const [first, ...rest] = COEFFICIENTS as [number, ...number[]];
  a.vbroadcastss(p, a.float(first));
  for (const coefficient of rest) a.vfmadd213ps(p, x, a.splat(coefficient));
  // e^r = 1 + (r + r^2 p).
  a.vmulps(p, p, x);
  a.vfmadd213ps(p, x, x);
  a.vaddps(p, p, a.splat(1));
  a.vscalefps(x, p, n);
}

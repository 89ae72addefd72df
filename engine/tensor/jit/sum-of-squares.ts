// SumOfSquares: machine code of the sums of the squares of float32 in float64, in eight sums side by side. A square of
// a float32 is exact in float64, so a multiply-add rounds where an addition would. Adding the eight up is not its
// business.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { rcx, rdi, rdx, rsi, ymm, zmm } from '../x86/registers.js';
import type { Lanes } from './cpu-features.js';

const FLOAT = 4;
const DOUBLE = 8;
const AHEAD = 1024;
/** Sums side by side: element i goes to sum i modulo this. */
export const SUMS = 8;

/**
 * `void routine(const float *data, const {size_t groups; double *sums} *order)`: the sums of so many groups of eight
 * elements are written. 16 lanes need AVX-512, 8 AVX2.
 */
export function sumsOfSquares(lanes: Lanes): Uint8Array {
  const a = new Assembler(lanes === 16 ? 'evex' : 'vex');
  const [data, order, left, sums] = [rdi, rsi, rcx, rdx];
  const [loop, done] = [a.label(), a.label()];
  // Eight doubles are one vector of AVX-512 and two of AVX2.
  const parts =
    lanes === 16
      ? [{ sum: zmm(0), square: zmm(2), first: 0 }]
      : [0, 1].map((i) => ({ sum: ymm(i), square: ymm(2 + i), first: 4 * i }));
  a.mov(left, mem(order));
  a.mov(sums, mem(order, { disp: DOUBLE }));
  for (const { sum } of parts) a.vxorps(sum, sum, sum);
  a.test(left, left);
  a.je(done);
  a.align(32);
  a.bind(loop);
  a.prefetcht0(mem(data, { disp: AHEAD }));
  for (const { square, first } of parts) a.vcvtps2pd(square, mem(data, { disp: first * FLOAT }));
  for (const { sum, square } of parts) a.vfmadd231pd(sum, square, square);
  a.add(data, SUMS * FLOAT);
  a.dec(left);
  a.jne(loop);
  a.bind(done);
  for (const { sum, first } of parts) a.vmovupd(mem(sums, { disp: first * DOUBLE }), sum);
  a.vzeroupper();
  a.ret();
  return a.finish();
}

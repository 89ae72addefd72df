// SumOfSquares: machine code of the sum of the squares of float32 in float64, in eight sums side by side. A square of a float32 is exact in float64, so a
// multiply-add rounds where an addition would.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { k1, rcx, rdi, rdx, rsi, xmm, ymm, zmm } from '../x86/registers.js';

const FLOAT = 4;
const WORD = 8;
const LANES = 8;
const AHEAD = 1024;

/** `void routine(const float *data, {size_t count; double sum} *record)`: the number of elements is read, the sum written. */
export function sumOfSquares(): Uint8Array {
  const a = new Assembler();
  const [data, record, left, mask] = [rdi, rsi, rcx, rdx];
  const [loop, tail, done] = [a.label(), a.label(), a.label()];
  const sum = zmm(0);
  a.mov(left, mem(record));
  a.vpxord(sum, sum, sum);
  a.sub(left, LANES);
  a.jl(tail);
  a.align(32);
  a.bind(loop);
  a.prefetcht0(mem(data, { disp: AHEAD }));
  a.vcvtps2pd(zmm(1), mem(data));
  a.vfmadd231pd(sum, zmm(1), zmm(1));
  a.add(data, LANES * FLOAT);
  a.sub(left, LANES);
  a.jge(loop);
  a.bind(tail);
  a.add(left, LANES);
  a.je(done);
  a.mov(mask, -1);
  a.bzhi(mask, mask, left);
  a.kmovw(k1, mask.low);
  a.vcvtps2pd(zmm(1).zeroed(k1), mem(data));
  a.vfmadd231pd(sum, zmm(1), zmm(1));
  a.bind(done);
  a.vextractf64x4(ymm(1), sum, 1);
  a.vaddpd(ymm(0), ymm(0), ymm(1));
  a.vextractf32x4(xmm(1), ymm(0), 1);
  a.vaddpd(xmm(0), xmm(0), xmm(1));
  a.vunpckhpd(xmm(1), xmm(0), xmm(0));
  a.vaddsd(xmm(0), xmm(0), xmm(1));
  a.vmovsd(mem(record, { disp: WORD }), xmm(0));
  a.vzeroupper();
  a.ret();
  return a.finish();
}

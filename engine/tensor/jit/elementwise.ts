// Elementwise: machine code for a chain of operations on vectors of any length, in one pass: what is between the
// operations stays in registers. Every operation is rounded on its own, as IEEE 754 has it, so the bits are those of
// the same operations one after the other, however wide the vectors are.
import { invariant, present } from '../../core/invariant.js';
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import {
  type GeneralRegister,
  k1,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  type VectorRegister,
  ymm,
  zmm,
} from '../x86/registers.js';
import type { Lanes } from './cpu-features.js';

export interface Operation {
  readonly operator: string;
  readonly result: string;
  readonly inputs: readonly string[];
}

export interface ElementwiseSpec {
  /** Read. */
  readonly vectors: readonly string[];
  /** Read once per run. */
  readonly scalars: readonly string[];
  readonly operations: readonly Operation[];
  /** Results that are written; one may be the memory of a vector that is read. */
  readonly outputs: readonly string[];
}

const FLOAT = 4;
const WORD = 8;
/** How far ahead of the reads memory is asked for. */
const AHEAD = 1024;
const SAVED = [rbx, rbp, r12, r13, r14, r15];
const POINTERS: readonly GeneralRegister[] = [r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15];

/** Bytes of a run's record. */
export const recordBytes = ({ vectors, outputs }: ElementwiseSpec): number =>
  WORD * (vectors.length + outputs.length + 2);

/**
 * `void routine(void *runs, size_t count)`. A run is a record of words: the addresses of the vectors, of the outputs,
 * of the scalars (float32, in order), and the number of elements. 16 lanes need AVX-512, 8 AVX2.
 */
export function elementwise(spec: ElementwiseSpec, lanes: Lanes): Uint8Array {
  const { vectors, scalars, outputs } = spec;
  const streams = [...vectors, ...outputs];
  invariant(streams.length <= POINTERS.length, () => `${streams.length} vectors and outputs`);
  const a = new Assembler(lanes === 16 ? 'evex' : 'vex');
  const pointer = (stream: number): GeneralRegister => present(POINTERS[stream], 'pointer');
  const registers =
    lanes === 16 ? Array.from({ length: 32 }, (_, i) => zmm(i)) : Array.from({ length: 16 }, (_, i) => ymm(i));
  const constants = new Map(scalars.map((scalar) => [scalar, present(registers.pop(), 'a register for every scalar')]));
  const chain = { spec, constants, registers, pointer };
  const [nextRun, runIsDone, done, loop, tail] = [a.label(), a.label(), a.label(), a.label(), a.label()];
  for (const register of SAVED) a.push(register);
  a.test(rsi, rsi);
  a.je(done);
  a.bind(nextRun);
  streams.forEach((_, i) => a.mov(pointer(i), mem(rdi, { disp: i * WORD })));
  a.mov(rdx, mem(rdi, { disp: streams.length * WORD }));
  a.mov(rcx, mem(rdi, { disp: (streams.length + 1) * WORD }));
  scalars.forEach((scalar, i) => a.vbroadcastss(present(constants.get(scalar), scalar), mem(rdx, { disp: i * FLOAT })));
  a.xor(rax, rax);
  a.sub(rcx, lanes);
  a.jl(tail);
  a.align(32);
  a.bind(loop);
  vectors.forEach((_, i) => a.prefetcht0(mem(pointer(i), { index: rax, scale: FLOAT, disp: AHEAD })));
  emitChain(a, chain, 'whole');
  a.add(rax, lanes);
  a.cmp(rax, rcx);
  a.jle(loop);
  a.bind(tail);
  // rcx is the length less a vector, rax what is done: what is left is less than a vector.
  a.add(rcx, lanes);
  a.sub(rcx, rax);
  a.je(runIsDone);
  if (lanes === 16) {
    a.mov(rdx, -1);
    a.bzhi(rdx, rdx, rcx);
    a.kmovw(k1, rdx.low);
    emitChain(a, chain, 'masked');
  } else {
    const rest = a.bind();
    emitChain(a, chain, 'single');
    a.add(rax, 1);
    a.dec(rcx);
    a.jne(rest);
  }
  a.bind(runIsDone);
  a.add(rdi, recordBytes(spec));
  a.dec(rsi);
  a.jne(nextRun);
  a.bind(done);
  for (const register of SAVED.toReversed()) a.pop(register);
  a.vzeroupper();
  a.ret();
  return a.finish();
}

interface Chain {
  readonly spec: ElementwiseSpec;
  readonly constants: ReadonlyMap<string, VectorRegister>;
  /** Those that hold no constant. */
  readonly registers: readonly VectorRegister[];
  readonly pointer: (stream: number) => GeneralRegister;
}

/** The operations on a whole vector, on the elements of k1, or on one element. */
function emitChain(
  a: Assembler,
  { spec: { vectors, operations, outputs }, constants, registers, pointer }: Chain,
  part: 'whole' | 'masked' | 'single',
): void {
  const sized = (register: VectorRegister): VectorRegister => (part === 'single' ? register.xmm : register);
  const free = registers.map(sized);
  const held = new Map<string, VectorRegister>();
  const lastUse = new Map<string, number>();
  operations.forEach(({ inputs }, i) => inputs.forEach((name) => lastUse.set(name, i)));
  for (const output of outputs) lastUse.set(output, operations.length);
  const take = (name: string): VectorRegister => {
    const register = present(free.pop(), 'a free register');
    held.set(name, register);
    return register;
  };
  const read = (name: string): VectorRegister => {
    const known = constants.get(name) ?? held.get(name);
    if (known !== undefined) return sized(known);
    const stream = vectors.indexOf(name);
    invariant(stream >= 0, () => `${name} is neither read nor computed`);
    const register = take(name);
    const from = mem(pointer(stream), { index: rax, scale: FLOAT });
    if (part === 'single') a.vmovss(register, from);
    else a.vmovups(part === 'masked' ? register.zeroed(k1) : register, from);
    return register;
  };
  operations.forEach(({ operator, result, inputs }, i) => {
    const [x, y] = inputs.map(read) as [VectorRegister, VectorRegister];
    for (const name of new Set(inputs)) {
      const register = held.get(name);
      if (lastUse.get(name) !== i || register === undefined) continue;
      held.delete(name);
      free.push(register);
    }
    emitOperation(a, operator, take(result), x, y);
  });
  outputs.forEach((output, i) => {
    const [to, from] = [
      mem(pointer(vectors.length + i), { index: rax, scale: FLOAT }),
      present(held.get(output), output),
    ];
    if (part === 'single') a.vmovss(to, from);
    else a.vmovups(to, from, part === 'masked' ? k1 : null);
  });
}

/** `to` may be one of the operands. */
function emitOperation(a: Assembler, operator: string, to: VectorRegister, x: VectorRegister, y: VectorRegister): void {
  switch (operator) {
    case 'Add':
      return a.vaddps(to, x, y);
    case 'Sub':
      return a.vsubps(to, x, y);
    case 'Mul':
      return a.vmulps(to, x, y);
    case 'Div':
      return a.vdivps(to, x, y);
    case 'Sqrt':
      return a.vsqrtps(to, x);
    default:
      invariant(false, () => `no elementwise operation ${operator}`);
  }
}

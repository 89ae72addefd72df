// Glue: machine code between ONNX Runtime and kernels: the functions of its structure OrtCustomOp, one set for all
// kernels. All that differs from kernel to kernel lies in a record that begins with that structure. Source:
// onnxruntime_c_api.h, OrtCustomOp up to interface version 16.
import { Assembler } from '../x86/assembler.js';
import type { Label } from '../x86/label.js';
import { mem } from '../x86/memory.js';
import { eax, ecx, edx, r8, r12, r13, r14, r15, rax, rbx, rcx, rdi, rdx, rsi, rsp } from '../x86/registers.js';

const POINTER = 8;

/** Version of OrtCustomOp that the records have: with functions that return a status, without shape inference. */
export const OP_VERSION = 16;

/** The fields of OrtCustomOp behind its version, in order; null: absent or never called. */
export const FUNCTIONS = [
  null,
  'name',
  'zero',
  'inputType',
  'inputCount',
  'outputType',
  'outputCount',
  null,
  'zero',
  'zero',
  'zero',
  'zero',
  'zero',
  'zero',
  'zero',
  'zero',
  'create',
  'compute',
] as const;

/** Offsets of our own fields in a record, behind OrtCustomOp, in bytes. */
export const RECORD = {
  name: 256,
  inputCount: 264,
  outputCount: 268,
  getInput: 272,
  getData: 280,
  getOutput: 288,
  kernel: 296,
  scratch: 304,
  outputs: 336,
  parts: 312,
  stride: 320,
  parallelFor: 328,
  inputTypes: 512,
  outputTypes: 640,
  bytes: 704,
} as const;
/** Bytes of an output's entry: address of its sizes, their number. */
export const OUTPUT_BYTES = 16;
export const MOST_OUTPUTS = (RECORD.inputTypes - RECORD.outputs) / OUTPUT_BYTES;
export const MOST_INPUTS = (RECORD.outputTypes - RECORD.inputTypes) / 4;

/** On the stack: a cell for results, the address of the record, the buffers. */
const CALL = POINTER;
const BUFFERS = 2 * POINTER;
/** Five registers and the return address lie above: a multiple of 16 keeps the stack at one. */
const FRAME_BYTES = Math.ceil((BUFFERS + (MOST_INPUTS + MOST_OUTPUTS) * POINTER) / 16) * 16;

export type GlueFunction = Exclude<(typeof FUNCTIONS)[number], null>;

/** The code, and the offset of each function in it. */
export function glue(): { readonly code: Uint8Array; readonly offsets: Readonly<Record<GlueFunction, number>> } {
  const a = new Assembler();
  const begin = (write: () => void): Label => {
    a.align(16);
    const label = a.bind();
    write();
    return label;
  };
  const returning = (write: () => void): Label =>
    begin(() => {
      write();
      a.ret();
    });
  const part = a.label();
  const labels: Record<GlueFunction, Label> = {
    name: returning(() => a.mov(rax, mem(rdi, { disp: RECORD.name }))),
    zero: returning(() => a.xor(eax, eax)),
    inputType: returning(() => a.mov(eax, mem(rdi, { index: rsi, scale: 4, disp: RECORD.inputTypes }))),
    inputCount: returning(() => a.mov(eax, mem(rdi, { disp: RECORD.inputCount }))),
    outputType: returning(() => a.mov(eax, mem(rdi, { index: rsi, scale: 4, disp: RECORD.outputTypes }))),
    outputCount: returning(() => a.mov(eax, mem(rdi, { disp: RECORD.outputCount }))),
    // The state of a kernel is its record.
    create: returning(() => {
      a.mov(mem(rcx), rdi);
      a.xor(eax, eax);
    }),
    compute: begin(() => emitCompute(a, part)),
  };
  emitPart(a, part);
  const code = a.finish();
  const offsets = Object.fromEntries(Object.entries(labels).map(([name, label]) => [name, label.offset])) as Record<
    GlueFunction,
    number
  >;
  return { code, offsets };
}

/** void part(call, number): one part of the work of a kernel; `call` are the address of the record and the buffers. */
function emitPart(a: Assembler, label: Label): void {
  a.align(16);
  a.bind(label);
  a.mov(rdx, rsi);
  a.mov(rax, mem(rdi));
  a.add(rdi, POINTER);
  a.mov(rsi, mem(rax, { disp: RECORD.stride }));
  a.imul(rsi, rdx);
  a.add(rsi, mem(rax, { disp: RECORD.scratch }));
  a.mov(rax, mem(rax, { disp: RECORD.kernel }));
  a.jmp(rax);
}

/** status compute(record, context): collects the addresses of all inputs and outputs, and calls the kernel. */
function emitCompute(a: Assembler, part: Label): void {
  const saved = [rbx, r12, r13, r14, r15];
  const failed = a.label();
  for (const register of saved) a.push(register);
  a.sub(rsp, FRAME_BYTES);
  a.mov(rbx, rsi);
  a.mov(r12, rdi);
  a.lea(r14, mem(rsp, { disp: BUFFERS }));
  const checked = (field: number): void => {
    a.mov(rax, mem(r12, { disp: field }));
    a.call(rax);
    a.test(rax, rax);
    a.jne(failed);
  };
  const each = (count: number, write: () => void): void => {
    const [loop, done] = [a.label(), a.label()];
    a.mov(r13, 0);
    a.bind(loop);
    a.mov(eax, mem(r12, { disp: count }));
    a.cmp(r13, rax);
    a.jae(done);
    a.mov(rdi, rbx);
    a.mov(rsi, r13);
    write();
    a.mov(rdi, mem(rsp));
    a.mov(rsi, r14);
    checked(RECORD.getData);
    a.add(r14, POINTER);
    a.inc(r13);
    a.jmp(loop);
    a.bind(done);
  };
  each(RECORD.inputCount, () => {
    a.mov(rdx, rsp);
    checked(RECORD.getInput);
  });
  a.lea(r15, mem(r12, { disp: RECORD.outputs }));
  each(RECORD.outputCount, () => {
    a.mov(rdx, mem(r15));
    a.mov(rcx, mem(r15, { disp: POINTER }));
    a.mov(r8, rsp);
    checked(RECORD.getOutput);
    a.add(r15, OUTPUT_BYTES);
  });
  const isParallel = a.label();
  a.mov(mem(rsp, { disp: CALL }), r12);
  a.mov(edx, mem(r12, { disp: RECORD.parts }));
  a.cmp(rdx, 1);
  a.jne(isParallel);
  a.lea(rdi, mem(rsp, { disp: CALL }));
  a.xor(rsi, rsi);
  a.call(part);
  a.xor(eax, eax);
  a.jmp(failed);
  a.bind(isParallel);
  a.mov(rdi, rbx);
  a.lea(rsi, mem(part));
  a.xor(ecx, ecx);
  a.lea(r8, mem(rsp, { disp: CALL }));
  a.mov(rax, mem(r12, { disp: RECORD.parallelFor }));
  a.call(rax);
  a.bind(failed);
  a.add(rsp, FRAME_BYTES);
  for (const register of saved.toReversed()) a.pop(register);
  a.ret();
}

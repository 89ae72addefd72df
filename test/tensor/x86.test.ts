// The assembler against GNU as: equal bytes for every instruction and every form of operand
// (scripts/golden/make_x86_golden.py wrote them).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../engine/core/invariant.js';
import { Assembler } from '../../engine/tensor/x86/assembler.js';
import type { MemoryOperand, MemoryOptions } from '../../engine/tensor/x86/memory.js';
import { mem } from '../../engine/tensor/x86/memory.js';
import * as registers from '../../engine/tensor/x86/registers.js';
import type { VectorEncoding } from '../../engine/tensor/x86/vector-code.js';

const { k1, rax, rcx, rdi, rsi, rsp, zmm } = registers;
const xmm = (index: number): registers.VectorRegister => new registers.VectorRegister(index, 128);
const GOLDEN = join(import.meta.dirname, '../golden/x86');
const golden = (name: string): string => readFileSync(join(GOLDEN, name), 'utf8').trim();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

type Operand =
  | registers.GeneralRegister
  | registers.VectorRegister
  | registers.MaskRegister
  | registers.TileRegister
  | MemoryOperand
  | number
  | bigint;

const GENERAL = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];

function general(name: string): registers.GeneralRegister | null {
  const old = GENERAL.indexOf(name.replace(/^e/, 'r'));
  if (old >= 0) return new registers.GeneralRegister(old, name.startsWith('e') ? 32 : 64);
  const [, index, half] = /^r(\d+)(d?)$/.exec(name) ?? [];
  return index === undefined ? null : new registers.GeneralRegister(Number(index), half === 'd' ? 32 : 64);
}

function address(text: string, broadcast: boolean): MemoryOperand {
  const [base = '', ...rest] = text.split(/(?=[+-])/);
  let options: MemoryOptions = { broadcast };
  for (const part of rest) {
    const [name = '', scale = '1'] = part.slice(1).split('*');
    const index = general(name);
    options = { ...options, ...(index === null ? { disp: Number(part) } : { index, scale: Number(scale) as 1 }) };
  }
  return mem(general(base) as registers.GeneralRegister, options);
}

/** A register that has a number, with the mask that a destination has. */
function numbered(text: string, mask: registers.MaskRegister | null, marks: string): Operand | null {
  const [, kind, digits] = /^([xyzt]mm|k)(\d+)$/.exec(text) ?? [];
  const index = Number(digits);
  if (kind === undefined) return null;
  if (kind === 'k') return new registers.MaskRegister(index);
  if (kind === 'tmm') return registers.tmm(index);
  const vector = new registers.VectorRegister(index, ({ xmm: 128, ymm: 256, zmm: 512 } as const)[kind as 'xmm']);
  if (mask === null) return vector;
  return marks.includes('{z}') ? vector.zeroed(mask) : vector.masked(mask);
}

/** An operand as Intel writes it, with the mask that a store has. */
function operandOf(text: string): { readonly operand: Operand; readonly mask: registers.MaskRegister | null } {
  const [, body = '', marks = ''] = /^([^{]*)(.*)$/.exec(text) ?? [];
  const mask = /\{k(\d)\}/.exec(marks)?.[1];
  const k = mask === undefined ? null : new registers.MaskRegister(Number(mask));
  const inMemory = /\[(.*)\]/.exec(body)?.[1];
  if (inMemory !== undefined) return { operand: address(inMemory, marks.includes('1to')), mask: k };
  const register = numbered(body, k, marks);
  if (register !== null) return { operand: register, mask: body.startsWith('k') ? k : null };
  return { operand: general(body) ?? (Number.isSafeInteger(Number(body)) ? Number(body) : BigInt(body)), mask: null };
}

type Emit = (...operands: readonly (Operand | string | null)[]) => void;

function assemble(text: string, encoding: VectorEncoding = 'evex'): Uint8Array {
  const [name = '', ...rest] = text.split(' ');
  const operands = rest.length === 0 ? [] : rest.join(' ').split(', ').map(operandOf);
  const a = new Assembler(encoding);
  const values: (Operand | string | null)[] = operands.map(({ operand }) => operand);
  // A mask of a comparison or of a store is the last argument.
  const mask = operands[0]?.mask;
  if (mask != null) values.push(mask);
  const [, condition] = /^cmov(.*)$/.exec(name) ?? [];
  if (condition !== undefined) values.unshift(condition);
  const method = condition !== undefined ? 'cmov' : name.replace('movabs', 'mov').replace('rep_stosb', 'repStosb');
  (a as unknown as Record<string, Emit>)[method]?.(...values);
  return a.finish();
}

test('every instruction has the bytes that GNU as gives it', () => {
  const lines = golden('instructions.txt').split('\n');
  const wrong = lines.flatMap((line) => {
    const [code, text = ''] = line.split(' | ');
    const ours = hex(assemble(text));
    return ours === code ? [] : [`${text}: ${ours}, not ${code}`];
  });
  expect(wrong).toEqual([]);
  // Every method that appends an instruction occurs.
  const seen = new Set(
    lines.map((line) =>
      (line.split(' | ')[1] ?? '')
        .split(' ')[0]
        ?.replace(/^cmov.*/, 'cmov')
        .replace('rep_stosb', 'repStosb'),
    ),
  );
  const methods: string[] = [];
  for (let part: object = Assembler.prototype; part !== Object.prototype; part = Object.getPrototypeOf(part) as object)
    methods.push(...Object.getOwnPropertyNames(part));
  const other = new RegExp(
    '^(constructor|emit.*|two|one|narrow|store|shift|compare|transfer|size|label|bind|align|float|splat|int|double|' +
      'table|finish|j.*)$',
  );
  expect(methods.filter((name) => !seen.has(name) && !other.test(name))).toEqual([]);
});

test('for processors without AVX-512, instructions have the older bytes', () => {
  const wrong = golden('avx2.txt')
    .split('\n')
    .flatMap((line) => {
      const [code, text = ''] = line.split(' | ');
      const ours = hex(assemble(text, 'vex'));
      return ours === code ? [] : [`${text}: ${ours}, not ${code}`];
    });
  expect(wrong).toEqual([]);
  for (const text of [
    'vaddps zmm1, zmm2, zmm3',
    'vaddps ymm1, ymm16, ymm3',
    'vaddps ymm1, ymm2, [rax+rcx*4]{1to8}',
    'vmovups [rax]{k1}, ymm3',
  ])
    expect(() => assemble(text, 'vex'), text).toThrow(/needs AVX-512/);
});

test('a routine with labels and constants has them as well', () => {
  const a = new Assembler();
  const [end, other] = [a.label(), a.label()];
  const table = a.table(Int32Array.from({ length: 32 }, (_, i) => i));
  a.xor(rax.low, rax.low);
  a.test(rdi, rdi);
  a.je(end);
  a.vmovss(xmm(0), a.float(0.5));
  const loop = a.bind();
  a.vmulps(zmm(1), zmm(16), a.splat(0.5));
  a.vaddps(zmm(2), zmm(1), table);
  a.vpcmpd(k1, zmm(2), table, 1);
  a.add(rax, 4);
  a.cmp(rax, rdi);
  a.jb(loop);
  a.lea(rsi, mem(end));
  a.call(other);
  a.bind(end);
  a.jmp(other);
  a.bind(other);
  a.ret();
  expect(hex(a.finish())).toBe(golden('routine.txt'));
});

test('every conditional jump has its condition', () => {
  const codes = {
    jb: '82',
    jae: '83',
    je: '84',
    jne: '85',
    jl: '8c',
    jge: '8d',
    jle: '8e',
    jg: '8f',
  } as const;
  for (const [name, code] of Object.entries(codes)) {
    const a = new Assembler();
    a[name as keyof typeof codes](a.bind());
    expect(hex(a.finish())).toBe(`0f${code}faffffff`);
  }
});

describe('alignment', () => {
  test.each([0, 1, 5, 9, 15, 16, 31])('fills up behind %i bytes with whole instructions that do nothing', (before) => {
    const a = new Assembler();
    for (let i = 0; i < before; i++) a.ret();
    a.align(32);
    expect(a.size).toBe(Math.ceil(before / 32) * 32);
    expect(hex(a.finish()).slice(2 * before)).toMatch(
      new RegExp(
        '^(660f1f8400{5}|660f1f840000000000|0f1f840000000000|0f1f8000000000|660f1f440000|0f1f440000|0f1f4000|0f1f00|' +
          '6690|90)*$',
      ),
    );
  });
});

describe('what cannot be encoded is refused', () => {
  test.each<[string, (a: Assembler) => void]>([
    ['a label that is never bound', (a) => a.jmp(a.label())],
    ['a label bound twice', (a) => a.bind(a.bind())],
    ['a number of 33 bits in an addition', (a) => a.add(rcx, 2 ** 32)],
    ['rsp as an index', () => mem(rax, { index: rsp })],
    ['two operands in memory', (a) => a.vmovups(mem(rax), mem(rcx))],
    ['a repeated element where there is no such form', (a) => a.vbroadcastss(zmm(1), mem(rax, { broadcast: true }))],
    ['zmm32', () => zmm(32)],
    ['tmm8', () => registers.tmm(8)],
    ['a tile in memory without an index', (a) => a.tileloadd(registers.tmm(0), mem(rax))],
  ])('%s', (_, write) => {
    const a = new Assembler();
    expect(() => {
      write(a);
      a.finish();
    }).toThrow(InvariantError);
  });
});

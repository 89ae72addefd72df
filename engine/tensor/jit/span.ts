// Span: a loop over a known number of elements, 16 at a time, the rest under a mask. What is done with them is the
// caller's.
import type { Assembler } from '../x86/assembler.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import { type GeneralRegister, k1, type MaskRegister, type VectorRegister } from '../x86/registers.js';
import { emitRounded, emitWidened, type Rounding } from './rounding.js';

/** Floats of a vector. */
export const VECTOR = 16;
const FLOAT = 4;
const HALF = 2;

/** A place in the span: 16 elements, or those of the mask. */
export class Lane {
  readonly #a: Assembler;
  readonly #counter: GeneralRegister;
  readonly #offset: number;
  /** Null for all 16. */
  readonly mask: MaskRegister | null;

  constructor(a: Assembler, counter: GeneralRegister, offset: number, mask: MaskRegister | null) {
    this.#a = a;
    this.#counter = counter;
    this.#offset = offset;
    this.mask = mask;
  }

  /** Where the elements lie of a vector that begins `bytes` behind `base`. */
  at(base: GeneralRegister, bytes = 0): MemoryOperand {
    return mem(base, { index: this.#counter, scale: FLOAT, disp: this.#offset + bytes });
  }

  /** As a destination in which elements outside the mask become 0. */
  only(register: VectorRegister): VectorRegister {
    return this.mask === null ? register : register.zeroed(this.mask);
  }

  /** Elements outside the mask become 0. */
  load(to: VectorRegister, base: GeneralRegister, bytes = 0): void {
    this.#a.vmovups(this.only(to), this.at(base, bytes));
  }

  /** The same for bfloat16, widened; `bytes` as if they were float32. */
  loadHalf(to: VectorRegister, base: GeneralRegister, bytes = 0): void {
    emitWidened(this.#a, to, this.#halfAt(base, bytes), this.mask);
  }

  /** Rounded to bfloat16; `bytes` as if they were float32. Changes two vectors and k3. */
  storeHalf(
    base: GeneralRegister,
    from: VectorRegister,
    rounding: Rounding,
    [half, t]: readonly [VectorRegister, VectorRegister],
    bytes = 0,
  ): void {
    emitRounded(this.#a, rounding, half.ymm, from, t);
    this.#a.vmovdqu16(this.#halfAt(base, bytes), half.ymm, this.mask);
  }

  #halfAt(base: GeneralRegister, bytes: number): MemoryOperand {
    return mem(base, { index: this.#counter, scale: HALF, disp: (this.#offset + bytes) / 2 });
  }

  store(base: GeneralRegister, from: VectorRegister, bytes = 0): void {
    this.#a.vmovups(this.at(base, bytes), from, this.mask);
  }
}

export interface SpanOptions {
  /** Elements done; ends somewhere at or before `count`. */
  readonly counter: GeneralRegister;
  /** Whole vectors per turn of the loop. */
  readonly unrolled?: number;
  /** For the rest; k1 unless given. */
  readonly mask?: MaskRegister;
  /** Whether `emitTailMask` has set the mask already. */
  readonly isMaskSet?: boolean;
}

/** Sets a mask to the elements of the last, partial vector of `count`; nothing where there is none. */
export function emitTailMask(a: Assembler, mask: MaskRegister, count: number, through: GeneralRegister): void {
  const rest = count % VECTOR;
  if (rest === 0) return;
  a.mov(through.low, 2 ** rest - 1);
  a.kmovw(mask, through.low);
}

/** Whole vectors of a row that are written out one after the other instead of as a loop. */
const MOST_UNROLLED = 32;

/** How many vectors of a row of `count` elements to do per turn. */
export function rowUnrolling(count: number): number {
  const whole = Math.floor(count / VECTOR);
  return Math.max(1, whole <= MOST_UNROLLED ? whole : 8);
}

/** `body` is written for whole vectors (`unrolled` lanes at once, or one) and for the rest. */
export function emitSpan(
  a: Assembler,
  count: number,
  { counter, unrolled = 1, mask = k1, isMaskSet = false }: SpanOptions,
  body: (lanes: readonly Lane[]) => void,
): void {
  const whole = Math.floor(count / VECTOR);
  const turns = Math.floor(whole / unrolled);
  if (!isMaskSet) emitTailMask(a, mask, count, counter);
  const lanes = (from: number, number: number): Lane[] =>
    Array.from({ length: number }, (_, i) => new Lane(a, counter, (from + i) * VECTOR * FLOAT, null));
  a.xor(counter.low, counter.low);
  if (turns > 0) {
    const loop = a.label();
    if (turns > 1) {
      a.align(32);
      a.bind(loop);
    }
    body(lanes(0, unrolled));
    a.add(counter, unrolled * VECTOR);
    if (turns > 1) {
      a.cmp(counter, turns * unrolled * VECTOR);
      a.jb(loop);
    }
  }
  for (let i = turns * unrolled; i < whole; i++) body(lanes(i - turns * unrolled, 1));
  if (count % VECTOR > 0) body([new Lane(a, counter, (whole - turns * unrolled) * VECTOR * FLOAT, mask)]);
}

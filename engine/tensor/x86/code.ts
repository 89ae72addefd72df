// Code: the bytes of a routine while it is written: instructions in order, labels with the distances to them, and the
// constants, which stand behind the instructions. Position independent: every address in it is a distance from the
// instruction. It knows no instruction.
import { invariant } from '../../core/invariant.js';
import { type Instruction, int32 } from './encoding.js';
import { Label } from './label.js';
import { MemoryOperand } from './memory.js';

/** Of constants and of the end of the code: a cache line, which is a whole vector as well. */
const LINE = 64;

interface Distance {
  readonly at: number;
  readonly label: Label;
  /** Label plus addend minus this place is the distance. */
  readonly addend: number;
  readonly end: number;
}

interface Constant {
  readonly label: Label;
  readonly bytes: Uint8Array;
}

export class Code {
  readonly #bytes: number[] = [];
  readonly #distances: Distance[] = [];
  /** By content: equal constants are one. */
  readonly #constants = new Map<string, Constant>();
  #isFinished = false;

  /** Bytes of instructions so far. */
  get size(): number {
    return this.#bytes.length;
  }

  protected emit(...bytes: readonly number[]): void {
    this.#bytes.push(...bytes);
  }

  protected emitInstruction({ bytes, fixUp }: Instruction): void {
    const start = this.size;
    this.emit(...bytes);
    if (fixUp !== null) this.#distances.push({ ...fixUp, at: start + fixUp.at, end: this.size });
  }

  /** An opcode followed by the distance to a label, in 32 bits. */
  protected emitBranch(opcode: readonly number[], label: Label): void {
    this.emitInstruction({ bytes: [...opcode, 0, 0, 0, 0], fixUp: { at: opcode.length, label, addend: 0 } });
  }

  /** A label to be bound later. */
  label(): Label {
    return new Label();
  }

  /** Binds a label to this place; without one, a new label. */
  bind(label = new Label()): Label {
    label.bindTo(this.size);
    return label;
  }

  /** Fills up with instructions that do nothing, so that what follows (a loop) starts at a multiple of `bytes`. */
  align(bytes: 16 | 32 | 64): void {
    let missing = -this.size & (bytes - 1);
    while (missing > 0) {
      const nop = NOPS[Math.min(missing, NOPS.length) - 1] as readonly number[];
      this.emit(...nop);
      missing -= nop.length;
    }
  }

  /** A 32-bit float as a constant, for instructions that read one element. */
  float(value: number): MemoryOperand {
    return this.#constant(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A 32-bit float repeated in a whole vector, for instructions that can do so. */
  splat(value: number): MemoryOperand {
    return this.float(value).broadcast;
  }

  /** A 32-bit integer (or bits) as a constant; `.broadcast` repeats it. */
  int(value: number): MemoryOperand {
    return this.#constant(new Uint8Array(Int32Array.of(value).buffer));
  }

  /** A table as constants, starting at a multiple of 64 bytes. */
  table(values: Float32Array | Int32Array | Float64Array): MemoryOperand {
    return this.#constant(new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice());
  }

  /**
   * The routine, to be placed at a multiple of 64 bytes. Nothing can be added afterwards. Throws for labels that were
   * never bound.
   */
  finish(): Uint8Array {
    invariant(!this.#isFinished, () => 'the code is finished already');
    this.#isFinished = true;
    // Large constants first, each at a multiple of its size up to a line, so that none crosses one.
    const constants = [...this.#constants.values()].sort((a, b) => b.bytes.length - a.bytes.length);
    let end = this.#constants.size === 0 ? this.size : roundUp(this.size, LINE);
    for (const { label, bytes } of constants) {
      end = roundUp(end, bytes.length >= LINE ? LINE : bytes.length);
      label.bindTo(end);
      end += bytes.length;
    }
    const routine = new Uint8Array(end);
    // An int3 where nothing is meant to run.
    routine.fill(0xcc);
    routine.set(this.#bytes);
    for (const { label, bytes } of constants) routine.set(bytes, label.offset);
    for (const { at, label, addend, end: from } of this.#distances)
      routine.set(int32(label.offset + addend - from), at);
    return routine;
  }

  #constant(bytes: Uint8Array): MemoryOperand {
    const key = Buffer.from(bytes).toString('hex');
    const known = this.#constants.get(key) ?? { label: new Label(), bytes };
    this.#constants.set(key, known);
    return new MemoryOperand(known.label);
  }
}

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Instructions that do nothing, of 1 to 9 bytes; Intel's optimization manual. */
const NOPS: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

// MemoryOperand: [base + index * scale + displacement], or a label of this code (RIP-relative). Its ModRM bytes are for
// encoding.ts.
import { invariant } from '../../core/invariant.js';
import type { Label } from './label.js';
import { type GeneralRegister, rsp } from './registers.js';

export interface MemoryOptions {
  readonly index?: GeneralRegister;
  readonly scale?: 1 | 2 | 4 | 8;
  /** In bytes. */
  readonly disp?: number;
  /** Reads one element and repeats it in the whole vector. */
  readonly broadcast?: boolean;
}

export class MemoryOperand {
  /** Null for a label. */
  readonly base: GeneralRegister | null;
  readonly index: GeneralRegister | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  readonly isBroadcast: boolean;
  readonly label: Label | null;

  constructor(base: GeneralRegister | Label, { index, scale = 1, disp = 0, broadcast = false }: MemoryOptions = {}) {
    const isRegister = 'bits' in base;
    this.base = isRegister ? base : null;
    this.label = isRegister ? null : base;
    this.index = index ?? null;
    this.scale = scale;
    this.disp = disp;
    this.isBroadcast = broadcast;
    invariant(Number.isInteger(disp) && disp === (disp | 0), () => `displacement ${disp}`);
    invariant(
      this.index?.index !== rsp.index && (isRegister || this.index === null),
      () => 'this register cannot be an index',
    );
  }

  /** The element there, repeated in the whole vector. */
  get broadcast(): MemoryOperand {
    return this.#with({ broadcast: true });
  }

  #with(change: MemoryOptions): MemoryOperand {
    const { scale, disp, isBroadcast: broadcast } = this;
    const base = (this.base ?? this.label) as GeneralRegister | Label;
    return new MemoryOperand(base, {
      ...(this.index === null ? {} : { index: this.index }),
      scale,
      disp,
      broadcast,
      ...change,
    });
  }
}

/** [base + index * scale + disp]. */
export function mem(base: GeneralRegister | Label, options: MemoryOptions = {}): MemoryOperand {
  return new MemoryOperand(base, options);
}

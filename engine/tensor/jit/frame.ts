// Frame: what a kernel keeps on the stack: the registers of its caller and named slots of 8 bytes. It does not know who
// uses which slot for what.
import { invariant } from '../../core/invariant.js';
import type { Assembler } from '../x86/assembler.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import { r12, r13, r14, r15, rbp, rbx, rsp } from '../x86/registers.js';

const SAVED = [rbx, rbp, r12, r13, r14, r15];
const SLOT_BYTES = 8;
const MOST_SLOTS = 48;
/** Six registers and the return address lie above: this keeps the stack at a multiple of 16. */
const FRAME_BYTES = MOST_SLOTS * SLOT_BYTES + SLOT_BYTES;

export class Frame {
  readonly #slots = new Map<string, number>();

  /** The slot of a name. */
  slot(name: string): MemoryOperand {
    const index = this.#slots.get(name) ?? this.#slots.size;
    invariant(index < MOST_SLOTS, () => `a kernel with more than ${MOST_SLOTS} slots`);
    this.#slots.set(name, index);
    return mem(rsp, { disp: index * SLOT_BYTES });
  }

  /** The beginning of a kernel: saves what belongs to the caller. */
  enter(a: Assembler): void {
    for (const register of SAVED) a.push(register);
    a.sub(rsp, FRAME_BYTES);
  }

  /** The end of a kernel, with its return. */
  leave(a: Assembler): void {
    a.add(rsp, FRAME_BYTES);
    for (const register of SAVED.toReversed()) a.pop(register);
    a.vzeroupper();
    a.ret();
  }
}

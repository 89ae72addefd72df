// MaskCode: code with the instructions on the mask registers of AVX-512, 16 or 32 bits of them: one per element of 32
// or 16 bits of a zmm register, and what makes such masks.
import { vex } from './encoding.js';
import { GeneralCode } from './general-code.js';
import type { GeneralRegister, MaskRegister } from './registers.js';

const WORD = { map: 1, prefix: 0, w: 0 } as const;

export class MaskCode extends GeneralCode {
  /** To or from the low half of a general register, or between masks. */
  kmovw(to: MaskRegister | GeneralRegister, from: MaskRegister | GeneralRegister): void {
    const code = 'bits' in from ? 0x92 : 'bits' in to ? 0x93 : 0x90;
    this.emitInstruction(vex({ ...WORD, code }, 0, to.index, 0, from));
  }

  /** 32 bits, from a general register. */
  kmovd(to: MaskRegister, from: GeneralRegister): void {
    this.emitInstruction(vex({ ...WORD, prefix: 3, code: 0x92 }, 0, to.index, 0, from));
  }

  /** The lowest `count` bits of `from`: makes the mask of a tail whose length is not known before. */
  bzhi(to: GeneralRegister, from: GeneralRegister, count: GeneralRegister): void {
    this.emitInstruction(
      vex({ map: 2, prefix: 0, w: to.bits === 64 ? 1 : 0, code: 0xf5 }, 0, to.index, count.index, from),
    );
  }

  /** To be run before code that knows only older vector registers goes on: without it, that code becomes slow. */
  vzeroupper(): void {
    this.emit(0xc5, 0xf8, 0x77);
  }
}

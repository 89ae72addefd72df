// TileCode: code with the instructions of AMX on tiles of bfloat16 and float32. Which tile has how many rows and bytes
// a row is said by what `ldtilecfg` reads, 64 bytes. Destination first, as in Intel's manual.
import { invariant } from '../../core/invariant.js';
import { vex } from './encoding.js';
import { MaskCode } from './mask-code.js';
import type { MemoryOperand } from './memory.js';
import type { TileRegister } from './registers.js';

const TILE = { map: 2, w: 0 } as const;

export class TileCode extends MaskCode {
  /** Shapes of all tiles, which become zeros. */
  ldtilecfg(from: MemoryOperand): void {
    this.emitInstruction(vex({ ...TILE, prefix: 0, code: 0x49 }, 0, 0, 0, from));
  }

  /** No tile has a shape any more. */
  tilerelease(): void {
    this.emit(0xc4, 0xe2, 0x78, 0x49, 0xc0);
  }

  tilezero(to: TileRegister): void {
    // Where another operand is named elsewhere, there is a 0.
    this.emitInstruction(vex({ ...TILE, prefix: 3, code: 0x49 }, 0, to.index, 0, { index: 0 }));
  }

  /** Row i comes from i times the index behind the base; the operand has an index. */
  tileloadd(to: TileRegister, from: MemoryOperand): void {
    this.#move(3, from, to);
  }

  tilestored(to: MemoryOperand, from: TileRegister): void {
    this.#move(2, to, from);
  }

  /** float32 of `to` += pairs of bfloat16 of a, times those of b, which lie in pairs of rows. */
  tdpbf16ps(to: TileRegister, a: TileRegister, b: TileRegister): void {
    this.emitInstruction(vex({ ...TILE, prefix: 2, code: 0x5c }, 0, to.index, b.index, a));
  }

  #move(prefix: 2 | 3, memory: MemoryOperand, tile: TileRegister): void {
    invariant(memory.index !== null, () => 'a tile in memory without the distance of its rows');
    this.emitInstruction(vex({ ...TILE, prefix, code: 0x4b }, 0, tile.index, 0, memory));
  }
}

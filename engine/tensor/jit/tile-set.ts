// TileSet: the subroutines that the products of one kernel call for a tile of C (or a block, with AMX); equal ones are
// written once.
import type { Assembler } from '../x86/assembler.js';
import type { Label } from '../x86/label.js';
import { type BlockShape, emitBlock } from './block.js';
import { emitTile, type TileShape } from './tile.js';

export class TileSet {
  readonly #tiles = new Map<string, { readonly label: Label; readonly shape: TileShape | BlockShape }>();
  readonly #assembler: Assembler;

  constructor(assembler: Assembler) {
    this.#assembler = assembler;
  }

  /** The subroutine for a shape, to be called. */
  label(shape: TileShape | BlockShape): Label {
    const key = JSON.stringify(shape);
    const tile = this.#tiles.get(key) ?? { label: this.#assembler.label(), shape };
    this.#tiles.set(key, tile);
    return tile.label;
  }

  /** Appends all of them; control must not run into this place. */
  emit(): void {
    for (const { label, shape } of this.#tiles.values()) {
      if ('steps' in shape) emitBlock(this.#assembler, label, shape);
      else emitTile(this.#assembler, label, shape);
    }
  }
}

// Mailbox: memory with one place per micro-batch, owned by the stage that reads it and written by its neighbour, so
// that a stage computes straight into the input of the next. A place is used once per step; the commit of the step
// makes it free again.
import { MappedFile } from '../tensor/mapped-file.js';
import { type Shape, sizeOf } from '../tensor/shape.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

export class Mailbox {
  readonly #file: MappedFile | null;
  readonly #isOwner: boolean;
  /** All places, one behind the other. */
  readonly all: Float32Array;
  readonly places: readonly Float32Array[];

  private constructor(file: MappedFile | null, isOwner: boolean, numPlaces: number, shape: Shape) {
    this.#file = file;
    this.#isOwner = isOwner;
    const length = sizeOf(shape);
    const all = file === null ? new Float32Array(numPlaces * length) : file.float32(0, numPlaces * length);
    this.all = all;
    this.places = Array.from({ length: numPlaces }, (_, i) => all.subarray(i * length, (i + 1) * length));
  }

  static create(path: string, numPlaces: number, shape: Shape): Mailbox {
    return new Mailbox(MappedFile.create(path, numPlaces * sizeOf(shape) * BYTES), true, numPlaces, shape);
  }

  static open(path: string, numPlaces: number, shape: Shape): Mailbox {
    return new Mailbox(MappedFile.open(path, numPlaces * sizeOf(shape) * BYTES), false, numPlaces, shape);
  }

  /** Memory of this process alone, whose places are sent to a mailbox on another host. */
  static mirror(numPlaces: number, shape: Shape): Mailbox {
    return new Mailbox(null, true, numPlaces, shape);
  }

  /** The views must not be used afterwards. */
  close(): void {
    if (this.#isOwner) this.#file?.unlink();
    this.#file?.close();
  }
}

// Mailbox: mapped memory with one place per micro-batch, owned by the stage that reads it and written by its neighbour, so that a stage computes
// straight into the input of the next. A place is used once per step; the commit of the step makes it free again.
import { MappedFile } from '../tensor/mapped-file.js';
import { sizeOf, type Shape } from '../tensor/shape.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

export class Mailbox {
  readonly #file: MappedFile;
  readonly #isOwner: boolean;
  readonly places: readonly Float32Array[];

  private constructor(file: MappedFile, isOwner: boolean, numPlaces: number, shape: Shape) {
    this.#file = file;
    this.#isOwner = isOwner;
    const length = sizeOf(shape);
    this.places = Array.from({ length: numPlaces }, (_, i) => file.float32(i * length * BYTES, length));
  }

  static create(path: string, numPlaces: number, shape: Shape): Mailbox {
    return new Mailbox(MappedFile.create(path, numPlaces * sizeOf(shape) * BYTES), true, numPlaces, shape);
  }

  static open(path: string, numPlaces: number, shape: Shape): Mailbox {
    return new Mailbox(MappedFile.open(path), false, numPlaces, shape);
  }

  /** The views must not be used afterwards. */
  close(): void {
    if (this.#isOwner) this.#file.unlink();
    this.#file.close();
  }
}

// Mailbox: memory with one place per micro-batch, owned by the stage that reads it and written by its neighbour, so
// that a stage computes straight into the input of the next. A place is used once per step; the commit of the step
// makes it free again.
import { MappedFile } from '../tensor/mapped-file.js';
import { arrayOver, type HostArray, type PortDType, type Shape, sizeOf, tensorBytes } from '../tensor/shape.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** What a place holds. */
export interface MailboxFormat {
  readonly shape: Shape;
  readonly dtype: PortDType;
}

/** Words of 32 bits that a place takes: what goes over a connection is whole words. */
const wordsOf = (format: MailboxFormat): number => Math.ceil(tensorBytes(format) / BYTES);

const bytesOf = (numPlaces: number, format: MailboxFormat): number => numPlaces * wordsOf(format) * BYTES;

export class Mailbox {
  readonly #file: MappedFile | null;
  readonly #isOwner: boolean;
  /** All places, one behind the other, as words that say nothing of what they hold. */
  readonly all: Float32Array;
  readonly places: readonly HostArray[];
  /** Words of a place. */
  readonly placeWords: number;

  private constructor(file: MappedFile | null, isOwner: boolean, numPlaces: number, format: MailboxFormat) {
    this.#file = file;
    this.#isOwner = isOwner;
    const words = wordsOf(format);
    const all = file === null ? new Float32Array(numPlaces * words) : file.float32(0, numPlaces * words);
    this.all = all;
    this.placeWords = words;
    this.places = Array.from({ length: numPlaces }, (_, i) =>
      arrayOver(format.dtype, all.buffer, all.byteOffset + i * words * BYTES, sizeOf(format.shape)),
    );
  }

  static create(path: string, numPlaces: number, format: MailboxFormat): Mailbox {
    return new Mailbox(MappedFile.create(path, bytesOf(numPlaces, format)), true, numPlaces, format);
  }

  static open(path: string, numPlaces: number, format: MailboxFormat): Mailbox {
    return new Mailbox(MappedFile.open(path, bytesOf(numPlaces, format)), false, numPlaces, format);
  }

  /** Memory of this process alone, whose places are sent to a mailbox on another host. */
  static mirror(numPlaces: number, format: MailboxFormat): Mailbox {
    return new Mailbox(null, true, numPlaces, format);
  }

  /** The views must not be used afterwards. */
  close(): void {
    if (this.#isOwner) this.#file?.unlink();
    this.#file?.close();
  }
}

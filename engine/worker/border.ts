// Border: where two stages of a pipeline meet, seen from one of them: the mailbox in which the neighbour's tensors
// arrive, and the one into which its own go. On one host that is the neighbour's mailbox itself, mapped; between hosts
// it is a mirror here, whose places are sent. It rings no doorbell.
import { Mailbox } from '../dp/mailbox.js';
import { mailboxFile } from '../dp/memory-names.js';
import type { HostArray, PortDType, Shape } from '../tensor/shape.js';
import type { Neighbours } from './neighbours.js';

export interface BorderOptions {
  readonly folder: string;
  readonly generation: number;
  readonly worker: string;
  readonly stage: number;
  readonly neighbour: { readonly worker: string; readonly stage: number };
  readonly numPlaces: number;
  readonly shape: Shape;
  /** Element types of the activation that goes over it, and of the gradient that comes back. */
  readonly dtypes: { readonly in: PortDType; readonly back: PortDType };
  readonly neighbours: Neighbours;
}

type Way = 'in' | 'back';

export class Border {
  readonly #options: BorderOptions;
  readonly #own: Mailbox;
  readonly #isShared: boolean;
  readonly #wayOut: Way;
  readonly #wayIn: Way;
  #other: Mailbox | null = null;

  /** First half: makes the mailbox of this side, and lets the neighbour write into it. */
  constructor(options: BorderOptions) {
    this.#options = options;
    const { folder, generation, worker, stage, neighbour, numPlaces, shape, dtypes, neighbours } = options;
    const isUpper = neighbour.stage < stage;
    this.#wayIn = isUpper ? 'in' : 'back';
    this.#wayOut = isUpper ? 'back' : 'in';
    this.#isShared = neighbours.sharesMemory(neighbour.worker);
    this.#own = Mailbox.create(mailboxFile(folder, worker, generation, stage, this.#wayIn), numPlaces, {
      shape,
      dtype: dtypes[this.#wayIn],
    });
    if (!this.#isShared) neighbours.land(this.#place(this.#wayIn, stage), neighbour.worker, this.#own.all);
  }

  /** Second half: the mailbox of the other side exists. */
  open(): void {
    const { folder, generation, neighbour, numPlaces, shape, dtypes, neighbours } = this.#options;
    const format = { shape, dtype: dtypes[this.#wayOut] };
    const file = mailboxFile(folder, neighbour.worker, generation, neighbour.stage, this.#wayOut);
    this.#other = this.#isShared
      ? neighbours.mapping(neighbour.worker, () => Mailbox.open(file, numPlaces, format))
      : Mailbox.mirror(numPlaces, format);
  }

  /** What arrives here, one array per micro-batch. */
  get arriving(): readonly HostArray[] {
    return this.#own.places;
  }

  /** What goes to the other side; null before `open`. */
  get leaving(): readonly HostArray[] | null {
    return this.#other?.places ?? null;
  }

  /** Brings what was written into a place to the other side. */
  send(place: number): void {
    if (this.#isShared || this.#other === null) return;
    const { neighbour, neighbours } = this.#options;
    const { all, placeWords } = this.#other;
    const offset = place * placeWords;
    const data = all.subarray(offset, offset + placeWords);
    neighbours.write(neighbour.worker, this.#place(this.#wayOut, neighbour.stage), data, offset);
  }

  close(): void {
    if (!this.#isShared) this.#options.neighbours.leave(this.#place(this.#wayIn, this.#options.stage));
    this.#own.close();
    this.#other?.close();
  }

  #place(way: Way, stage: number): string {
    return `${way} ${this.#options.generation} ${stage}`;
  }
}

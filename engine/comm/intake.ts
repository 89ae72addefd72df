// Intake: the messages that are arriving at a port and have not ended. Who sends half a message holds memory of this
// process: it may hold little until it takes part in something, nobody may for ever, and all those that take part in
// nothing share one limit. It reads no message.
import type { Duplex } from 'node:stream';

/** How often it is looked at how long messages take. */
const LOOK_MS = 1000;
/** A message of a guest has ended after so many looks. */
const GUEST_LOOKS = 10;
/** One of a member has so many, and afterwards has to be as fast as this on the whole. */
const MEMBER_LOOKS = 30;
const MEMBER_BYTES_PER_LOOK = 32_768;
/** Bytes of the unfinished messages of all guests together. */
const ALL_GUESTS_BYTES = 16 * 2 ** 20;
/** Pieces that are smaller than this on the average cost more than they hold; honest ones are packets of a network. */
const MIN_PIECE_BYTES = 256;
/** What the protocol of the socket puts before a message. */
const MAX_HEAD_BYTES = 14;
/** So many small pieces are none too many. */
const FEW_PIECES = 256;

export interface ArrivingOptions {
  /** Bytes that a message may have until `admit`; afterwards whoever reads the messages sees to it. */
  readonly maxBytes: number;
  /** Told once why nothing more is read of the connection; whoever is told ends it. */
  readonly onBroken: (reason: string) => void;
}

/** The message that is arriving over one connection, if any. */
export class Arriving {
  readonly #intake: Intake;
  readonly #stream: Duplex;
  #options: ArrivingOptions;
  #isGuest = true;
  #bytes = 0;
  #pieces = 0;
  #looks = 0;

  constructor(intake: Intake, stream: Duplex, options: ArrivingOptions) {
    this.#intake = intake;
    this.#stream = stream;
    this.#options = options;
    // Before the reader of messages, and after it: a piece may hold the end of one and the beginning of the next.
    stream.prependListener('data', (piece: Buffer) => this.#add(piece.length));
    stream.on('data', () => this.#check());
    stream.once('close', () => this.ended());
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the sender takes part in nothing yet. */
  get isGuest(): boolean {
    return this.#isGuest;
  }

  /** The message has ended. */
  ended(): void {
    this.#bytes = 0;
    this.#pieces = 0;
    this.#looks = 0;
    this.#intake.end(this);
  }

  /** From now on other limits hold, and somebody else is told. */
  govern(options: ArrivingOptions): void {
    this.#options = options;
  }

  /** The sender takes part: its messages may be long, and take as long as a slow network does. */
  admit(): void {
    this.#isGuest = false;
  }

  /** To be called every `LOOK_MS`. It counts looks, not time: while this process computes nobody is read. */
  look(): void {
    const seconds = (++this.#looks * LOOK_MS) / 1000;
    if (this.#isGuest ? this.#looks > GUEST_LOOKS : this.#isSlow())
      this.break(`${this.#bytes} bytes of a message came in ${seconds} s, and not its end`);
  }

  /** Reads nothing more, and says why. */
  break(reason: string): void {
    this.ended();
    this.#stream.pause();
    this.#options.onBroken(reason);
  }

  #add(bytes: number): void {
    if (this.#pieces++ === 0) this.#intake.begin(this);
    this.#bytes += bytes;
  }

  #check(): void {
    const { maxBytes } = this.#options;
    if (this.#isGuest && this.#bytes > maxBytes + MAX_HEAD_BYTES)
      this.break(`${this.#bytes} bytes of a message came, and not its end; the limit is ${maxBytes}`);
    else if (this.#pieces > FEW_PIECES && this.#bytes < this.#pieces * MIN_PIECE_BYTES)
      this.break(`${this.#bytes} bytes of a message came in ${this.#pieces} pieces, and not its end`);
    else this.#intake.check();
  }

  #isSlow(): boolean {
    return this.#looks > MEMBER_LOOKS && this.#bytes < this.#looks * MEMBER_BYTES_PER_LOOK;
  }
}

export class Intake {
  /** In the order in which their messages began. */
  readonly #unfinished = new Set<Arriving>();
  #timer: NodeJS.Timeout | null = null;

  begin(arriving: Arriving): void {
    this.#unfinished.add(arriving);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  end(arriving: Arriving): void {
    this.#unfinished.delete(arriving);
  }

  /** Where the guests hold too much together, the one whose message began first gives way. */
  check(): void {
    if (this.#unfinished.size < 2) return;
    const guests = [...this.#unfinished].filter(({ isGuest }) => isGuest);
    const bytes = guests.reduce((sum, guest) => sum + guest.bytes, 0);
    if (bytes > ALL_GUESTS_BYTES) guests[0]?.break(`unfinished messages of all guests have ${bytes} bytes`);
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#unfinished.clear();
  }

  #look(): void {
    for (const arriving of [...this.#unfinished]) arriving.look();
    if (this.#unfinished.size === 0) this.close();
  }
}

// WaitingRoom: who may knock at a run: how many workers may wait to take part, in all and from one address, and who may
// not come again because it was cut off for what it did. It knows no connection and no run.
import { WorkerError } from '../core/errors.js';
import { MAX_WORKERS } from '../core/plan.js';

/** Where a worker that knocks comes from: the address of its connection, and what it says of itself. */
export interface Knock {
  /** Null where the connection has none. */
  readonly address: string | null;
  readonly name: string;
  readonly host: string;
  readonly pid: number;
}

const MAX_WAITING = 128;
const MAX_WAITING_PER_ADDRESS = 64;
/** Workers of one address that were cut off, after which nobody else is let in from there. */
const MAX_FAULTS_PER_ADDRESS = 16;

export class WaitingRoom {
  readonly #barred = new Set<string>();
  readonly #faults = new Map<string, number>();

  /**
   * Throws a WorkerError: PT_BARRED where whoever knocks was cut off before, PT_RUN_FULL where `waiting` are enough, or
   * `numMembers` take part already.
   */
  admit(knock: Knock, waiting: readonly Knock[], numMembers: number): void {
    const address = addressOf(knock);
    if (this.#barred.has(nameOf(knock)) || this.#barred.has(processOf(knock)))
      throw barred(`worker ${knock.name} of ${knock.host} was cut off from this run for what it did`);
    if ((this.#faults.get(address) ?? 0) >= MAX_FAULTS_PER_ADDRESS)
      throw barred(`${MAX_FAULTS_PER_ADDRESS} workers from ${address} were cut off from this run for what they did`);
    const fromThere = waiting.filter((other) => addressOf(other) === address).length;
    if (fromThere >= MAX_WAITING_PER_ADDRESS)
      throw full(`${fromThere} workers from ${address} wait to take part already; at most ${MAX_WAITING_PER_ADDRESS}`);
    if (waiting.length >= MAX_WAITING)
      throw full(`${waiting.length} workers wait to take part already; at most ${MAX_WAITING}`);
    if (numMembers >= MAX_WORKERS) throw full(`${numMembers} workers take part already; at most ${MAX_WORKERS}`);
  }

  /**
   * This one was cut off for what it did: it does not come again under its name, nor as the same process. Where it took
   * part, that cost the run something, and counts for its address.
   */
  bar(knock: Knock, tookPart: boolean): void {
    this.#barred.add(nameOf(knock)).add(processOf(knock));
    const address = addressOf(knock);
    if (tookPart) this.#faults.set(address, (this.#faults.get(address) ?? 0) + 1);
  }
}

const addressOf = ({ address }: Knock): string => address ?? 'this host';
const nameOf = (knock: Knock): string => JSON.stringify([addressOf(knock), 'name', knock.host, knock.name]);
const processOf = (knock: Knock): string => JSON.stringify([addressOf(knock), 'pid', knock.host, knock.pid]);

const barred = (message: string): WorkerError =>
  new WorkerError('PT_BARRED', message, 'See the events of the run for the reason; join another run.');
const full = (message: string): WorkerError =>
  new WorkerError('PT_RUN_FULL', message, 'Try again when some of them take part or have given up.');

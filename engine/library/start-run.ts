// StartRun: lets a session of a run train, and makes of it what a program watches.
import type { RunEvent } from '../events/events.js';
import type { Summary } from '../events/summary.js';
import { RunSession, type SessionOptions } from '../session/run-session.js';
import type { RunView } from '../session/session-record.js';
import { CallbackCalls } from './callbacks.js';
import { EventStream } from './event-stream.js';
import { runTrainedHere } from './folder-run.js';
import type { TrainedRun } from './trained-run.js';
import type { RunOptions, TrainingRun } from './training-run.js';

/** What a session is opened with, apart from what the run itself brings. */
export type Opening = Omit<SessionOptions, 'view' | 'signal' | 'watchers'>;

/**
 * Begins a session and lets it train. `release` is called when all is over. Rejects as RunSession.begin, and with the
 * reason of a signal that was aborted before.
 */
export async function startRun(
  opening: Opening,
  { signal, callbacks = {} }: RunOptions,
  notices: readonly string[] = [],
  release: () => void = () => undefined,
): Promise<TrainingRun> {
  const stop = new AbortController();
  const stream = new EventStream();
  const calls = new CallbackCalls(
    callbacks,
    () => stop.abort(),
    () => session.folder.path,
  );
  const session = await RunSession.begin({
    ...opening,
    view: new LibraryView(stream, calls, notices),
    signal: stop.signal,
    watchers: () => calls.settled(),
  });
  const onAbort = (): void => stop.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  const result = session
    .train()
    .then(
      () => {
        stream.close();
        return runTrainedHere(session.folder);
      },
      (error: unknown) => {
        stream.close(error);
        throw error;
      },
    )
    .finally(() => {
      signal?.removeEventListener('abort', onAbort);
      release();
    });
  return new Running(session.folder.path, result, stream);
}

/** A run whose steps are all done: nothing is left to be watched. */
export const endedRun = (run: TrainedRun): TrainingRun => {
  const stream = new EventStream();
  stream.close();
  return new Running(run.folder, Promise.resolve(run), stream);
};

class Running implements TrainingRun {
  readonly folder: string;
  readonly result: Promise<TrainedRun>;
  readonly #stream: EventStream;

  constructor(folder: string, result: Promise<TrainedRun>, stream: EventStream) {
    this.folder = folder;
    this.result = result;
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): AsyncGenerator<RunEvent, void> {
    // Who iterates is told there.
    this.result.catch(() => undefined);
    return this.#stream[Symbol.asyncIterator]();
  }
}

/** Hands events on to those who watch: copies, so that nothing that they do reaches the run. */
class LibraryView implements RunView {
  readonly #stream: EventStream;
  readonly #calls: CallbackCalls;
  #notices: readonly string[];

  constructor(stream: EventStream, calls: CallbackCalls, notices: readonly string[]) {
    this.#stream = stream;
    this.#calls = calls;
    this.#notices = notices;
  }

  show(event: RunEvent): void {
    const copy = frozen(structuredClone(event));
    this.#stream.push(copy);
    this.#calls.take(copy);
  }

  end(_summary: Summary): void {
    // Whoever waits for the result is given it.
  }

  troubles(): readonly string[] {
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }
}

function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}

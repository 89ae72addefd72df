// WorkerState: what a worker may be, and what moves it from one to the other. A pure table, used by every worker about
// itself and by the coordinator about each of its workers. It sends and receives nothing; docs/states.md draws it.
import { WorkerError } from '../core/errors.js';
import type { Order, Report } from './messages.js';

/**
 * joining: started, knows nothing of the run yet; idle: between steps, with a seat or without; training: in a run of
 * steps; draining: gives up what it does, drops every order but an abort; lost: told to stop, failed, or gone.
 */
export const WORKER_STATES = ['joining', 'idle', 'training', 'draining', 'lost'] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

/** What an order earns; a report that nothing earned is refused. */
const ANSWERS = {
  setup: ['ready'],
  'measure-costs': ['costs'],
  prepare: ['prepared'],
  activate: ['active'],
  start: ['step-ready'],
  commit: ['step-ready', 'paused', 'snapshot-written'],
  snapshot: ['snapshot-written'],
  abort: ['aborted'],
  ping: ['pong'],
  prewarm: [],
  evaluate: ['evaluated'],
  'copy-state': ['state-copied'],
  stop: [],
} as const satisfies Record<Order['type'], readonly Report['type'][]>;

/** Reports that a worker makes on its own. */
const UNASKED: readonly Report['type'][] = ['stuck', 'cache-off', 'failed', 'leaving', 'dropped'];

/** An order taken, a report made, or the end of the connection. */
export type WorkerCause = Order['type'] | Report['type'] | 'gone';

type Row = Readonly<Partial<Record<WorkerCause, WorkerState>>>;
const END = { stop: 'lost', failed: 'lost', gone: 'lost' } as const;

const between = (state: WorkerState, ...causes: readonly WorkerCause[]): Row =>
  Object.fromEntries(['ping', 'pong', 'leaving', 'dropped', ...causes].map((cause) => [cause, state]));

export const WORKER_TRANSITIONS: Readonly<Record<WorkerState, Row>> = {
  joining: { ...between('joining', 'setup'), ...END, ready: 'idle' },
  idle: {
    ...between(
      'idle',
      'measure-costs',
      'costs',
      'prepare',
      'prepared',
      'activate',
      'active',
      'evaluate',
      'evaluated',
      'snapshot',
      'snapshot-written',
      'copy-state',
      'state-copied',
      'prewarm',
      'cache-off',
    ),
    ...END,
    start: 'training',
    stuck: 'draining',
    abort: 'draining',
  },
  training: {
    ...between('training', 'commit', 'prewarm', 'step-ready', 'snapshot-written', 'state-copied', 'cache-off'),
    ...END,
    paused: 'idle',
    stuck: 'draining',
    abort: 'draining',
  },
  // What was on its way when the work was given up arrives now, in both directions, and counts for nothing.
  draining: {
    ...between(
      'draining',
      ...(Object.keys(ANSWERS) as Order['type'][]),
      ...Object.values(ANSWERS).flat(),
      'stuck',
      'cache-off',
    ),
    ...END,
    aborted: 'idle',
  },
  lost: {},
};

/** The state after a cause. Throws a WorkerError (PT_PROTOCOL) where the cause has no place in the state. */
export function nextWorkerState(worker: string, state: WorkerState, cause: WorkerCause): WorkerState {
  const next = WORKER_TRANSITIONS[state][cause];
  if (next === undefined) throw outOfPlace(worker, state, cause);
  return next;
}

const outOfPlace = (worker: string, state: WorkerState, cause: WorkerCause): WorkerError =>
  new WorkerError(
    'PT_PROTOCOL',
    `"${cause}" has no place where worker ${worker} is ${state}`,
    'All workers must run the same version of pipetrain.',
  );

/** What the coordinator knows of where a worker is, from the orders it gave and the reports it got. */
export class WorkerStanding {
  readonly #worker: string;
  readonly #due = new Map<Report['type'], number>();
  #state: WorkerState = 'joining';

  constructor(worker: string) {
    this.#worker = worker;
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Takes note of an order that is about to be given. Throws where the worker could not take it. */
  ordered(order: Order): void {
    this.#state = nextWorkerState(this.#worker, this.#state, order.type);
    if (order.type === 'abort') {
      // Nothing that was asked before will be answered, but for aborts: each of them is.
      const numAborts = this.#due.get('aborted') ?? 0;
      this.#due.clear();
      this.#due.set('aborted', numAborts);
    }
    for (const type of answersTo(order)) this.#due.set(type, (this.#due.get(type) ?? 0) + 1);
  }

  /**
   * Takes note of a report. Throws where the worker could not have made it: nothing was asked that it answers, or it
   * has answered already.
   */
  reported(type: Report['type']): void {
    const next = nextWorkerState(this.#worker, this.#state, type);
    const due = this.#due.get(type) ?? 0;
    if (due === 0 && !UNASKED.includes(type) && !(this.#state === 'draining' && type !== 'aborted'))
      throw outOfPlace(this.#worker, this.#state, type);
    this.#due.set(type, Math.max(0, due - 1));
    // Aborted as often as it was told to: the answers to earlier orders are all here.
    if (type !== 'aborted' || due <= 1) this.#state = next;
  }

  /** Takes note of the end of the connection: whatever it was about to do, it gets no order any more. */
  gone(): void {
    if (this.#state !== 'lost') this.#state = nextWorkerState(this.#worker, this.#state, 'gone');
  }
}

function answersTo(order: Order): readonly Report['type'][] {
  if (order.type !== 'commit') return ANSWERS[order.type];
  return [order.goesOn ? 'step-ready' : 'paused', ...(order.snapshot === null ? [] : (['snapshot-written'] as const))];
}

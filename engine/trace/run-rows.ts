// RunRows: the rows of a trace that are not workers: plans as phases, transitions, validations, checkpoints,
// recoveries, decisions, and curves of the run. From the events alone.
import type { RunEvent } from '../events/events.js';
import { groupNames, rowNames, type ViewerEvent } from './viewer-event.js';

export const RUN_GROUP = 1;

const ROWS = {
  plans: 1,
  steps: 2,
  transitions: 3,
  validations: 4,
  checkpoints: 5,
  recoveries: 6,
  decisions: 7,
} as const;
type RowName = keyof typeof ROWS;

/** Values of a curve at most; a viewer shows no more at once. */
const MOST_VALUES = 10_000;

/** Where a row of the run stands. */
export const runRow = (name: RowName): { readonly pid: number; readonly tid: number } => ({
  pid: RUN_GROUP,
  tid: ROWS[name],
});

export function* runRows(events: Iterable<RunEvent>, numSteps: number): Generator<ViewerEvent> {
  yield* groupNames(RUN_GROUP, 'run');
  for (const name of Object.keys(ROWS) as RowName[]) yield* rowNames({ ...runRow(name), name });
  const phases = new Phases();
  const stride = Math.ceil(numSteps / MOST_VALUES);
  let end = 0;
  for (const event of events) {
    end = event.time;
    yield* phases.take(event);
    if (event.type === 'step') {
      if (event.step % stride === 0) yield* curvesOf(event);
    } else yield* told(event);
  }
  yield* phases.end(end);
}

const micros = (seconds: number): number => Math.round(seconds * 1e6);

/** What took `seconds` and was over when the event was written. */
function over(row: RowName, name: string, event: RunEvent & { readonly seconds: number }): ViewerEvent {
  const { time, seconds, ...args } = event;
  const ts = Math.max(0, micros(time - seconds));
  return { ph: 'X', ...runRow(row), name, cat: row, ts, dur: micros(time) - ts, args };
}

function moment(name: string, event: RunEvent): ViewerEvent {
  const { time, ...args } = event;
  return { ph: 'i', s: 't', ...runRow('decisions'), name, cat: 'decisions', ts: micros(time), args };
}

function* told(event: RunEvent): Generator<ViewerEvent> {
  switch (event.type) {
    case 'transition':
      yield over('transitions', `to g${event.generation}: ${event.to.K}x${event.to.R}`, event);
      break;
    case 'evaluation':
      yield over('validations', `validation at step ${event.step}`, event);
      break;
    case 'guard.looked':
      yield over('validations', `guard at step ${event.step}`, event);
      break;
    case 'checkpoint.saved':
      yield over('checkpoints', `checkpoint at step ${event.step}`, event);
      break;
    case 'checkpoint.failed':
      yield over('checkpoints', `checkpoint failed: ${event.code}`, event);
      break;
    case 'recovered':
      yield over('recoveries', `recovery from the loss of ${event.lost.join(', ')}`, event);
      break;
    case 'worker.lost':
      yield moment(`${event.worker} lost`, event);
      break;
    case 'worker.joined':
      yield moment(`${event.worker} joined`, event);
      break;
    case 'freeze.decided':
      yield moment(`freeze ${event.fromLayers} to ${event.toLayers} layers`, event);
      break;
    case 'freeze.rolledBack':
      yield moment(`rolled back to ${event.toLayers} frozen layers`, event);
      break;
    case 'grow.decided':
      yield moment(`grow ${event.fromLayers} to ${event.toLayers} layers`, event);
      break;
    case 'prediction.off':
      yield moment('prediction off', event);
      break;
    default:
  }
}

function* curvesOf({ time, loss, frozen, samples, seconds, bubbleShare }: RunEvent & { type: 'step' }) {
  const at = { ph: 'C', pid: RUN_GROUP, ts: micros(time) } as const;
  const curves = { loss, 'frozen blocks': frozen, 'samples per second': samples / seconds, bubble: bubbleShare };
  for (const [name, value] of Object.entries(curves))
    // JSON has no other numbers.
    if (Number.isFinite(value)) yield { ...at, name, args: { [name]: value } };
}

/** The plans, each from when it took over until the next one did. */
class Phases {
  #waiting: (RunEvent & { type: 'plan.made' }) | null = null;
  #inForce: { readonly plan: RunEvent & { type: 'plan.made' }; readonly from: number } | null = null;

  *take(event: RunEvent): Generator<ViewerEvent> {
    if (event.type === 'run.started' || event.type === 'run.finished') yield* this.end(event.time);
    if (event.type === 'plan.made') {
      this.#waiting = event;
      if (this.#inForce === null) this.#inForce = { plan: event, from: event.time };
    }
    if (event.type !== 'transition' || this.#waiting === null) return;
    yield* this.end(event.time);
    this.#inForce = { plan: this.#waiting, from: event.time };
  }

  *end(time: number): Generator<ViewerEvent> {
    if (this.#inForce === null) return;
    const { plan, from } = this.#inForce;
    this.#inForce = null;
    const { generation, K, R, schedule, frozenLayers, reason } = plan;
    const name = `g${generation}: ${K}x${R} ${schedule}, ${frozenLayers} layers frozen`;
    const ts = micros(from);
    yield { ph: 'X', ...runRow('plans'), name, cat: 'plans', ts, dur: micros(time) - ts, args: { reason } };
  }
}

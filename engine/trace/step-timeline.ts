// StepTimeline: what every worker did in a traced step, on one clock: its actions, the waits between them and for whom,
// the exchange of gradients, and which action handed its result to which. Pure; how it is drawn is for others.
import { type Action, parseAction, showAction } from '../../pipeline/action.js';
import { present } from '../core/invariant.js';
import { clockShifts } from './clock-shifts.js';
import { givers } from './hand-overs.js';
import type { StepOfPlan } from './read-trace.js';
import { unpacked } from './trace-line.js';

/** Microseconds since the start of the run. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

export interface TimedAction extends Span {
  readonly worker: string;
  readonly action: Action;
  readonly name: string;
  /** The action of another worker whose result it needed, or null. */
  readonly needs: TimedAction | null;
}

/** A worker did nothing, for what it needed was not there. */
export interface Wait extends Span {
  readonly worker: string;
  /** The worker it waited for, and the action that came. */
  readonly for: string;
  readonly action: string;
}

export interface StepTimeline {
  readonly step: number;
  readonly generation: number;
  /** The whole step. */
  readonly span: Span;
  /** By worker, in the order in which they ran. */
  readonly actions: readonly TimedAction[];
  readonly waits: readonly Wait[];
  readonly reduces: readonly (Span & { readonly worker: string })[];
  /** Workers on other machines, whose times are moved so that no result is used before it is there. */
  readonly moved: readonly string[];
}

export function stepTimeline({ plan, step }: StepOfPlan): StepTimeline {
  const zero = Math.round(step.time * 1e6);
  const raw = new Map(Object.entries(step.spans).map(([worker, spans]) => [worker, unpacked(spans)]));
  const rows = Object.entries(plan.seats).map(([worker, { replica, actions }]) => ({
    worker,
    replica,
    actions: actions.split(' ').map(parseAction),
  }));
  const shifts = clockShifts(rows, raw, step.micros);
  const ran = new Ran();
  for (const { worker, replica, actions } of rows) {
    const times = present(raw.get(worker), 'times of the worker');
    const shift = zero + (shifts.get(worker) ?? 0);
    for (const [i, action] of actions.entries())
      ran.add(replica, worker, action, {
        begin: present(times[2 * i], 'begin') + shift,
        end: present(times[2 * i + 1], 'end') + shift,
      });
  }
  const actions = rows.flatMap(({ worker, replica }) => ran.of(worker, replica));
  return {
    step: step.step,
    generation: step.generation,
    span: { begin: zero - step.micros, end: zero },
    actions,
    waits: waitsBetween(actions),
    reduces: rows.flatMap(({ worker }) => {
      const last = actions.findLast((one) => one.worker === worker);
      const micros = step.reduceMicros[worker] ?? 0;
      return last === undefined || micros === 0 ? [] : [{ worker, begin: last.end, end: last.end + micros }];
    }),
    moved: [...shifts.keys()],
  };
}

/** The actions of a step, to be found by their names. */
class Ran {
  readonly #byName = new Map<string, { worker: string; action: Action; span: Span }>();
  readonly #byWorker = new Map<string, { action: Action; span: Span }[]>();

  add(replica: number, worker: string, action: Action, span: Span): void {
    this.#byName.set(`${replica} ${showAction(action)}`, { worker, action, span });
    const own = this.#byWorker.get(worker);
    if (own === undefined) this.#byWorker.set(worker, [{ action, span }]);
    else own.push({ action, span });
  }

  of(worker: string, replica: number): TimedAction[] {
    return (this.#byWorker.get(worker) ?? []).map(({ action, span }) => ({
      ...span,
      worker,
      action,
      name: showAction(action),
      needs: this.#giver(worker, replica, action),
    }));
  }

  #giver(worker: string, replica: number, action: Action): TimedAction | null {
    for (const name of givers(action)) {
      const giver = this.#byName.get(`${replica} ${name}`);
      if (giver === undefined) continue;
      if (giver.worker === worker) return null;
      return { ...giver.span, worker: giver.worker, action: giver.action, name, needs: null };
    }
    return null;
  }
}

/** Before its first action a worker waits too, where another one has to act before. */
function waitsBetween(actions: readonly TimedAction[]): Wait[] {
  const begins = actions.map(({ begin }) => begin);
  const start = begins.reduce((least, begin) => Math.min(least, begin), Infinity);
  return actions.flatMap((one, i) => {
    const before = actions[i - 1];
    const free = before?.worker === one.worker ? before.end : start;
    if (one.needs === null || one.needs.end <= free || one.begin <= free) return [];
    return [{ worker: one.worker, begin: free, end: one.begin, for: one.needs.worker, action: one.needs.name }];
  });
}

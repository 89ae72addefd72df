// The checks a schedule passes before it runs. They prove that a step ends and computes every gradient once, in the order exact reductions
// need; they say nothing about how fast it is.
import { showAction, type Action, type ActionKind } from './action.js';
import { markedOrder } from './order.js';
import { ScheduleError } from './schedule-error.js';
import type { Schedule } from './schedule.js';
import { simulateActions } from './simulate.js';

/** What must come before an action of the kind on the same stage. */
const BEFORE: Readonly<Record<ActionKind, ActionKind | null>> = { F: null, B: 'F', I: 'F', W: 'I' };

/**
 * Throws a ScheduleError, with the order of all stages and the failing cell in brackets, unless
 * every stage runs every micro-batch m in 0..M-1 exactly once forward and once backward (one B, or one I and one W), forwards and backwards each
 * in ascending order of m, a backward after its forward, and the stages together come to an end.
 */
export function validateSchedule(schedule: Schedule): void {
  if (schedule.workers.length !== schedule.stages)
    throw new ScheduleError(`schedule ${schedule.name} has ${schedule.workers.length} rows for ${schedule.stages} stages`, 'Give one list of actions per stage.');
  for (const [stage, actions] of schedule.workers.entries()) validateStage(schedule, stage, actions);
  simulateActions(schedule, () => 1);
}

function validateStage(schedule: Schedule, stage: number, actions: readonly Action[]): void {
  const fail = (at: number, why: string, missing = ''): never => {
    throw new ScheduleError(`schedule ${schedule.name}, stage ${stage}: ${why}\n${markedOrder(schedule, stage, at, missing)}`, 'The failing cell is in brackets.');
  };
  const seen = new Map<string, number>();
  const next: Record<ActionKind, number> = { F: 0, B: 0, I: 0, W: 0 };
  const usesSplit = actions.some(({ kind }) => kind === 'I' || kind === 'W');
  for (const [at, action] of actions.entries()) {
    const { kind, micro } = action;
    const text = showAction(action);
    if (action.stage !== stage) fail(at, `${text} belongs to stage ${action.stage}`);
    if (micro >= schedule.micros) fail(at, `${text} names micro-batch ${micro}, but there are ${schedule.micros}`);
    if (seen.has(`${kind}${micro}`)) fail(at, `${text} comes twice`);
    if (usesSplit && kind === 'B') fail(at, `${text} beside I and W actions; a stage splits all its backwards or none`);
    const before = BEFORE[kind];
    if (before !== null && !seen.has(`${before}${micro}`)) fail(at, `${text} comes before ${stage}${before}${micro}`);
    if (micro !== next[kind]) fail(at, `${text} is out of order; ${stage}${kind}${next[kind]} is next`);
    next[kind]++;
    seen.set(`${kind}${micro}`, at);
  }
  for (const kind of usesSplit ? (['F', 'I', 'W'] as const) : (['F', 'B'] as const))
    if (next[kind] < schedule.micros) {
      const missing = `${stage}${kind}${next[kind]}`;
      fail(actions.length, `${missing} is missing; ${next[kind]} of ${schedule.micros} ${kind} actions are there`, missing);
    }
}

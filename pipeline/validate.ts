// The checks a schedule passes before it runs. They prove that a step ends and computes every gradient once, in the
// order exact reductions need; they say nothing about how fast it is, nor whether it fits into memory
// (schedule-memory.ts).
import { present } from '../engine/core/invariant.js';
import { type Action, type ActionKind, showAction } from './action.js';
import { markedOrder } from './order.js';
import { type Schedule, stagesOf } from './schedule.js';
import { ScheduleError } from './schedule-error.js';
import { simulateActions } from './simulate.js';

/** What must come before an action of the kind on the same stage. */
const BEFORE: Readonly<Record<ActionKind, ActionKind | null>> = { F: null, B: 'F', I: 'F', W: 'I' };

/**
 * Throws a ScheduleError, with the order of all workers and the failing cell in brackets, unless every stage is on one
 * worker and runs every micro-batch m in 0..M-1 exactly once forward and once backward (one B, or one I and one W),
 * forwards and backwards each in ascending order of m, a backward after its forward, and the workers together come to
 * an end.
 */
export function validateSchedule(schedule: Schedule): void {
  validatePlacement(schedule);
  for (const [worker, actions] of schedule.workers.entries()) validateWorker(schedule, worker, actions);
  simulateActions(schedule, () => 1);
}

function validatePlacement(schedule: Schedule): void {
  const { name, stages, workers, placement } = schedule;
  const rows = placement?.length ?? stages;
  if (workers.length !== rows)
    throw new ScheduleError(
      `schedule ${name} has ${workers.length} rows for ${rows} ${placement === undefined ? 'stages' : 'workers'}`,
      'Give one list of actions per worker.',
    );
  const placed = workers.flatMap((_, worker) => [...stagesOf(schedule, worker)]);
  const wrong = Array.from({ length: stages }, (_, stage) => stage).find(
    (stage) => placed.filter((other) => other === stage).length !== 1,
  );
  if (wrong !== undefined || placed.length !== stages)
    throw new ScheduleError(
      `schedule ${name} places ${placed.length} stages, not each of 0 to ${stages - 1} ` +
        `once${wrong === undefined ? '' : `; see stage ${wrong}`}`,
      'Put every stage on one worker.',
    );
}

/** What has been seen of one stage. */
interface Progress {
  readonly seen: Set<string>;
  readonly next: Record<ActionKind, number>;
  readonly usesSplit: boolean;
}

function validateWorker(schedule: Schedule, worker: number, actions: readonly Action[]): void {
  const fail = (stage: number, at: number, why: string, missing = ''): never => {
    throw new ScheduleError(
      `schedule ${schedule.name}, stage ${stage}: ${why}\n${markedOrder(schedule, worker, at, missing)}`,
      'The failing cell is in brackets.',
    );
  };
  const stages = stagesOf(schedule, worker);
  const progress = new Map<number, Progress>(
    stages.map((stage) => [
      stage,
      {
        seen: new Set(),
        next: { F: 0, B: 0, I: 0, W: 0 },
        usesSplit: actions.some((action) => action.stage === stage && (action.kind === 'I' || action.kind === 'W')),
      },
    ]),
  );
  for (const [at, action] of actions.entries()) {
    const { stage, kind, micro } = action;
    const text = showAction(action);
    const { seen, next, usesSplit } =
      progress.get(stage) ?? fail(stages[0] ?? worker, at, `${text} belongs to stage ${stage}`);
    if (micro >= schedule.micros)
      fail(stage, at, `${text} names micro-batch ${micro}, but there are ${schedule.micros}`);
    if (seen.has(`${kind}${micro}`)) fail(stage, at, `${text} comes twice`);
    if (usesSplit && kind === 'B')
      fail(stage, at, `${text} beside I and W actions; a stage splits all its backwards or none`);
    const before = BEFORE[kind];
    if (before !== null && !seen.has(`${before}${micro}`))
      fail(stage, at, `${text} comes before ${stage}${before}${micro}`);
    if (micro !== next[kind]) fail(stage, at, `${text} is out of order; ${stage}${kind}${next[kind]} is next`);
    next[kind]++;
    seen.add(`${kind}${micro}`);
  }
  for (const stage of stages) {
    const { next, usesSplit } = present(progress.get(stage), 'progress');
    for (const kind of usesSplit ? (['F', 'I', 'W'] as const) : (['F', 'B'] as const))
      if (next[kind] < schedule.micros) {
        const missing = `${stage}${kind}${next[kind]}`;
        fail(
          stage,
          actions.length,
          `${missing} is missing; ${next[kind]} of ${schedule.micros} ${kind} actions are there`,
          missing,
        );
      }
  }
}

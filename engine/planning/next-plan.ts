// nextPlan: from what is frozen to the next plan, in the shape that the configuration allows. Pure: it asks the planner
// and decides about the cache; it decides nothing about freezing and speaks to no worker. A preview is an answer that
// nobody has adopted.
import type { PipelineChoice } from '../../pipeline/choice.js';
import { choosePipeline, type PlannerInput } from '../../pipeline/planner.js';
import type { ScheduleSource } from '../../pipeline/schedules/registry.js';
import { isOverMemoryLimit } from '../core/conditions.js';
import type { TrainConfig } from '../core/config.js';
import { absentOf, type Plan } from '../core/plan.js';
import { makePlan } from './make-plan.js';
import type { PlanBasis } from './plan-basis.js';
import { admitCache } from './plan-cache.js';
import { earlierShape, type PastShape, type PlanHistory } from './plan-history.js';
import type { Planned, PlanRequest } from './planned.js';
import { inExactness, type OpenInput, plannerInput, unlessAuto, withLimit } from './planner-input.js';

/** A shape that is asked for rather than chosen. */
export interface FixedShape {
  readonly K: number;
  readonly R: number;
  /** First blocks of the stages, where even the partition is given, and the schedule for that many stages. */
  readonly cuts?: readonly number[];
  readonly schedule?: ScheduleSource;
  readonly usesCache: boolean;
}

/**
 * The plan for what is frozen. `history` is null before the first one. Throws a UsageError where what is asked for
 * cannot be had (as `choosePipeline`).
 */
export function nextPlan(basis: PlanBasis, history: PlanHistory | null, request: PlanRequest): Planned {
  const earlier = earlierShape(history, request.frozen, basis.crew.workers.length);
  // Less is frozen than ever: a run that went on from a checkpoint begins with what it was asked for only now.
  const hasGrown = history !== null && isOtherModel(history.current, request);
  const isFirst =
    history === null ||
    (earlier === null && request.frozen < history.current.frozen) ||
    // A model that has grown is planned for as one that starts.
    (hasGrown && basis.config.dp === 'auto');
  const cache = admitCache(basis, history, request);
  const input = plannerInput(basis, history, request, cache.isOn);
  if (!isFirst) {
    const choice = laterChoice(laterInput(input, basis, history, earlier, hasGrown), basis.crew.memoryLimit);
    const planned = makePlan(basis, history, request, inExactness(basis.config, choice), cache);
    return hasGrown && history.startMemory !== null ? withStartMemory(planned, choice) : planned;
  }
  const { pipeline, replicas } = askedShape(basis, history);
  const shape = { fixedK: unlessAuto(pipeline), fixedR: unlessAuto(replicas), maxK: null };
  const choice = choosePipeline({ ...input, shape });
  const planned = makePlan(basis, history, request, inExactness(basis.config, choice), cache);
  return shape.fixedK === null ? planned : withStartMemory(planned, choice);
}

/** Whether a plan is wanted for more or less of the model than the one before was for. */
export const isOtherModel = (current: Plan, { growth }: PlanRequest): boolean =>
  absentOf(current).length !== (growth?.absent.length ?? 0);

/**
 * With the shapes that a run may go on in: that of `earlier`, where less is frozen than before; else the one it has or,
 * if it may change, one that holds no more on a worker than at its start.
 */
function laterInput(
  input: OpenInput,
  { config, crew }: PlanBasis,
  history: PlanHistory,
  earlier: PastShape | null,
  hasGrown: boolean,
): PlannerInput {
  const { K, R } = history.choice;
  const { costs, frozen } = input.model;
  const kept = config.dp === 'off' ? { K: Math.min(K, costs.length - frozen), R } : null;
  const shape = earlier ?? kept;
  const most = hasGrown ? crew.memoryLimit : (history.startMemory ?? crew.memoryLimit);
  const limit = shape !== null ? null : most;
  return {
    ...withLimit(input, limit),
    shape: {
      fixedK: shape?.K ?? null,
      fixedR: shape?.R ?? (config.dp === 'pipe' ? R : null),
      fixedBecause:
        earlier === null
          ? `--dp ${config.dp} keeps ${kept === null ? 'the number of replicas' : 'the shape'}`
          : `the shape goes back to the one that it had with ${earlier.frozen} blocks frozen`,
      // A model that has grown needs a longer pipeline; one of which less is frozen again may.
      maxK: frozen < history.current.frozen || hasGrown ? null : K,
    },
  };
}

/**
 * The best choice. Where the few blocks that still train leave one shape only, which holds more than a worker did at
 * the start, as one with both ends of a shared parameter may, it is held against what the machine has.
 */
function laterChoice(input: PlannerInput, memoryLimit: number): PipelineChoice {
  try {
    return choosePipeline(input);
  } catch (error) {
    if (!isOverMemoryLimit(error)) throw error;
    return choosePipeline({ ...input, memory: { ...input.memory, limit: memoryLimit } });
  }
}

/** A plan of a given shape, for measurements beside the training. */
export function planOfShape(
  basis: PlanBasis,
  history: PlanHistory | null,
  request: PlanRequest,
  { K, R, cuts, schedule, usesCache }: FixedShape,
): Planned {
  const input = withLimit(plannerInput(basis, history, request, usesCache), null);
  const rules = { ...input.rules, schedule: schedule ?? input.rules.schedule };
  const choice = choosePipeline({ ...input, rules, shape: { fixedK: K, fixedR: R, maxK: null } });
  const cache = { isOn: usesCache, reason: 'given' };
  return makePlan(basis, history, request, cuts === undefined ? choice : { ...choice, cuts }, cache);
}

/** The shape the configuration asks for; free where too many workers are lost for it. */
export function askedShape(
  { config, crew }: PlanBasis,
  history: PlanHistory | null,
): Pick<TrainConfig, 'pipeline' | 'replicas'> {
  const { pipeline, replicas } = config;
  const needed = (pipeline === 'auto' ? 1 : pipeline) * (replicas === 'auto' ? 1 : replicas);
  return history === null || needed <= crew.workers.length
    ? { pipeline, replicas }
    : { pipeline: 'auto', replicas: 'auto' };
}

function withStartMemory(planned: Planned, { memoryPerWorker }: PipelineChoice): Planned {
  return { ...planned, history: { ...planned.history, startMemory: Math.max(...memoryPerWorker) } };
}

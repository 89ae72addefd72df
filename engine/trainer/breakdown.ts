// Breakdown: what freezing, repartitioning, replicas and cache each contribute, measured one after the other with the
// real workers on the real data when the training is over and saved. The steps are whole steps with a learning rate of
// zero, so nothing is learnt and frozen activations stay valid.
import { isDeepStrictEqual } from 'node:util';
import type { Coordinator } from '../coordinator/coordinator.js';
import { present } from '../core/invariant.js';
import { type Plan, shapeOf } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import { type FixedShape, planOfShape } from '../planning/next-plan.js';
import type { PlanBasis } from '../planning/plan-basis.js';
import type { PlanHistory } from '../planning/plan-history.js';
import type { PlanRequest } from '../planning/planned.js';
import { plannedSource } from '../protocol/plan-schedule.js';
import type { RunSetup } from '../run/run-setup.js';

/** Steps that are measured for every variant, after the first ones, which fill caches of all kinds. */
const STEPS = 12;
const WARM_UP = 3;

type Breakdown = Extract<RunEventBody, { type: 'breakdown' }>;

interface Variant {
  readonly name: string;
  readonly request: PlanRequest;
  readonly shape: FixedShape;
}

/**
 * Measures the variants that lead from the first plan to the last one. Null where the run never changed: there is
 * nothing to break down. The workers are left with the last variant's plan.
 */
export async function measureBreakdown(
  setup: RunSetup,
  coordinator: Coordinator,
  basis: PlanBasis,
  before: PlanHistory,
): Promise<Breakdown | null> {
  const { first, current: last } = before;
  if (last.frozen === 0) return null;
  const start = shapeOf(first);
  const end = shapeOf(last);
  const request = (frozen: number, because: string): PlanRequest => ({
    frozen,
    frozenLayers: 0,
    epochsLeft: 2,
    because: `breakdown: ${because}`,
  });
  const cuts = present(first.replicas[0], 'replica 0').stages.map(({ from }) => from);
  const numBlocks = setup.model.blocks.length;
  // Where too few blocks are left for the stages of the start, freezing alone cannot be told from repartitioning.
  const sameCuts =
    cuts.length <= numBlocks - last.frozen
      ? { cuts: clip(cuts, last.frozen, numBlocks), schedule: plannedSource(first) }
      : {};
  const variants: Variant[] = [
    { name: 'nothing frozen', request: request(0, 'as at the start'), shape: { ...start, usesCache: false } },
    {
      name: '+ freezing',
      request: request(last.frozen, 'same cuts'),
      shape: { ...start, ...sameCuts, usesCache: false },
    },
    { name: '+ repartition', request: request(last.frozen, 'new cuts'), shape: { ...start, usesCache: false } },
    { name: '+ replicas', request: request(last.frozen, 'final shape'), shape: { ...end, usesCache: false } },
    { name: '+ cache', request: request(last.frozen, 'final plan'), shape: { ...end, usesCache: true } },
  ];
  const rows: Breakdown['rows'] = [];
  let history = before;
  let former: Plan | null = null;
  for (const { name, request: planRequest, shape } of variants) {
    const planned = planOfShape(basis, history, planRequest, shape);
    history = planned.history;
    await coordinator.adopt(planned.plan);
    // Once to fill the cache of exactly these samples, once to measure.
    if (shape.usesCache) await runSteps(setup, coordinator, WARM_UP + STEPS);
    const times = (await runSteps(setup, coordinator, WARM_UP + STEPS)).slice(WARM_UP).sort((a, b) => a - b);
    const stepMs = present(times[Math.floor(times.length / 2)], 'median');
    const { plan } = planned;
    rows.push({
      name,
      K: shape.K,
      R: shape.R,
      stepMs,
      speedup: (rows[0]?.stepMs ?? stepMs) / stepMs,
      ...(former !== null && isSameWork(former, plan) ? { isUnchanged: true } : {}),
    });
    former = plan;
  }
  const note =
    `Median of ${STEPS} whole steps each, one after the other on this machine, ${last.frozen} of ` +
    `${setup.model.blocks.length} blocks frozen; cumulative.`;
  return { type: 'breakdown', rows, note };
}

/** Whether two plans let the same workers do the same. */
const isSameWork = (a: Plan, b: Plan): boolean =>
  a.frozen === b.frozen &&
  a.schedule === b.schedule &&
  a.usesCache === b.usesCache &&
  isDeepStrictEqual(a.replicas, b.replicas);

/** Cuts that a frozen prefix has pushed up, each stage keeping at least one block. */
function clip(cuts: readonly number[], frozen: number, numBlocks: number): number[] {
  return cuts.map((from, stage) => Math.min(Math.max(from, frozen + stage), numBlocks - (cuts.length - stage)));
}

async function runSteps(setup: RunSetup, coordinator: Coordinator, numSteps: number): Promise<number[]> {
  const times: number[] = [];
  coordinator.start(0);
  let begin = performance.now();
  for (let step = 0; step < numSteps; step++) {
    await coordinator.stepReports();
    await coordinator.commit(
      step,
      { learningRate: 0, gradientScale: 1, updateCount: setup.totalSteps + step + 1, snapshot: null },
      step + 1 < numSteps,
    );
    const now = performance.now();
    times.push(now - begin);
    begin = now;
  }
  return times;
}

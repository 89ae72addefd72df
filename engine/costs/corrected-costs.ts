// CorrectedCosts: costs of blocks, brought in line with what the stages that run them really took. A stage is all that
// can be seen in training, so the blocks of one stage keep their proportions. Pure.
import { type BlockCost, sumCosts } from '../../pipeline/costs.js';
import { measuredTimes, type WorkerSpans } from '../../pipeline/measured-step.js';
import { withRecompute } from '../../pipeline/recompute.js';
import { present } from '../core/invariant.js';
import { absentOf, type Plan } from '../core/plan.js';
import { replicaSchedule } from '../protocol/plan-schedule.js';

/**
 * `extraMs` is what stage 0 was predicted to spend per micro-batch on the frozen prefix; `steps` are spans of the
 * workers of replica 0, step by step; `slownessOf` says how many times as long as the costs a worker takes, which is
 * not corrected.
 */
export function correctedCosts(
  costs: readonly BlockCost[],
  plan: Plan,
  extraMs: number,
  steps: readonly (readonly WorkerSpans[])[],
  slownessOf: (worker: string) => number = () => 1,
): BlockCost[] {
  const replica = present(plan.replicas[0], 'replica 0');
  const { byKind } = measuredTimes(replicaSchedule(plan, replica), steps);
  const absent = new Set(absentOf(plan));
  const known = withRecompute(
    costs.map((cost, block) => (absent.has(block) ? spent(cost) : cost)),
    replica.stages,
    replica.stages.map(({ recompute = false }) => recompute),
  );
  const corrected = [...costs];
  for (const [stage, { from, to, worker }] of replica.stages.entries()) {
    const slowness = slownessOf(worker);
    const predicted = sumCosts(known, from, to);
    const tookMs = (kind: string): number => byKind.get(`${stage}${kind}`) ?? 0;
    const isSplit = byKind.has(`${stage}W`);
    const forward = ratio(tookMs('F'), slowness * (predicted.forwardMs + (stage === 0 ? extraMs : 0)));
    // Stage 0 has no input gradient to compute: all of its backward is in W.
    const backward = ratio(
      isSplit ? tookMs('I') + tookMs('W') : tookMs('B'),
      slowness * (isSplit && stage > 0 ? predicted.inputGradientMs + predicted.weightGradientMs : predicted.backwardMs),
    );
    for (let block = stage === 0 ? 0 : from; block < to; block++)
      corrected[block] = scaled(present(costs[block], 'cost'), forward, backward);
  }
  return corrected;
}

/** Of a block that is not there. */
const spent = (cost: BlockCost): BlockCost => ({
  ...cost,
  forwardMs: 0,
  backwardMs: 0,
  inputGradientMs: 0,
  weightGradientMs: 0,
});

const ratio = (measured: number, predicted: number): number =>
  measured > 0 && predicted > 0 ? measured / predicted : 1;

function scaled(cost: BlockCost, forward: number, backward: number): BlockCost {
  const halves = {
    inputGradientMs: (cost.inputGradientMs ?? cost.backwardMs / 2) * backward,
    weightGradientMs: (cost.weightGradientMs ?? cost.backwardMs / 2) * backward,
  };
  return { ...cost, forwardMs: cost.forwardMs * forward, backwardMs: cost.backwardMs * backward, ...halves };
}

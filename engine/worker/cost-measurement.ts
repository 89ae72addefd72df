// CostMeasurement: what a worker measures of its device and of its way to others before there is a plan. The probes
// themselves are in costs/; here they get what they need of a worker.
import { allowance } from '../core/allowance.js';
import { type CostProbeOptions, measureCosts } from '../costs/cost-probe.js';
import { answerHandovers, type HandoverCost, measureHandovers, partnerOf } from '../costs/handover-probe.js';
import type { Colleague } from '../protocol/messages.js';
import type { Equipment } from './equipment.js';
import type { Neighbours } from './neighbours.js';

/** Of a micro-batch of `microBatch` samples; `workers` measure on this machine at the same time. */
export function measureOwnCosts(
  { subject, device }: Equipment,
  microBatch: number,
  workers: number,
): ReturnType<typeof measureCosts> {
  const { model, dataset, layouts, sampler, seed } = subject;
  const { compiler, executor, optimizer } = device;
  const shapes = compiler.outputShapes(microBatch);
  const options: CostProbeOptions = {
    model,
    dataset,
    layouts,
    seed,
    compiler,
    executor,
    optimizer,
    shapes,
    microBatch,
    microBatches: Math.ceil(sampler.batch / microBatch),
    crowd: { workers, cores: allowance().cores },
  };
  return measureCosts(options);
}

/** What forward and backward of a micro-batch take through the whole model, milliseconds. */
export const measureComputeMs = (equipment: Equipment, microBatch: number): number =>
  measureOwnCosts(equipment, microBatch, 1).blocks.reduce(
    (sum, { forwardMs, backwardMs }) => sum + forwardMs + backwardMs,
    0,
  );

/**
 * What a hand-over between `worker` and its partner among `workers` takes; all measure at the same time, in pairs. Null
 * where the partner reports it, or there is none.
 */
export async function measureOwnHandovers(
  neighbours: Neighbours,
  worker: string,
  workers: readonly string[],
  colleagues: Readonly<Record<string, Colleague>>,
): Promise<HandoverCost | null> {
  const partner = partnerOf(worker, workers);
  if (partner === null) return null;
  neighbours.meet(colleagues);
  await neighbours.reach([partner]);
  if (workers.indexOf(worker) % 2 === 0) return measureHandovers(neighbours, worker, partner);
  await answerHandovers(neighbours, worker, partner);
  return null;
}

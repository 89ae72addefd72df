// The event of a step: what it computed, and which share of the time of its workers was waiting and exchange. Pure.
import { pipelineLength, type Plan, shapeOf } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import type { StepResult } from '../protocol/step-result.js';

export interface StepFacts {
  readonly step: number;
  readonly epoch: number;
  readonly lr: number;
  readonly samples: number;
  readonly seconds: number;
  /** Per replica the places [from, to) of the epoch's order that it worked on, and the digest of the sample ids. */
  readonly shares: { from: number; to: number; digest: string }[];
  /** Done before, and undone since. */
  readonly isReplay: boolean;
}

export function stepEvent(
  { step, epoch, lr, samples, seconds, shares, isReplay }: StepFacts,
  result: StepResult,
  plan: Plan,
): Extract<RunEventBody, { type: 'step' }> {
  const seated = plan.replicas.reduce((sum, replica) => sum + pipelineLength(replica), 0);
  const share = (ms: number): number => rounded(Math.min(1, ms / (seated * seconds * 1000)), 1e4);
  const { loss, cacheHits, cacheMisses, peakMemory } = result;
  const { generation, frozen } = plan;
  return {
    type: 'step',
    step,
    epoch,
    loss,
    lr,
    gradNorm: Math.fround(result.gradNorm),
    samples,
    seconds: rounded(seconds, 1e6),
    generation,
    frozen,
    ...shapeOf(plan),
    cacheHits,
    cacheMisses,
    bubbleShare: share(result.waitMs),
    commShare: share(result.reduceMs),
    computeShare: share(result.computeMs),
    cacheShare: share(result.cacheMs),
    pipelineMs: rounded(result.pipelineMs, 1e3),
    pipelineBubble: rounded(result.pipelineBubble, 1e4),
    peakMemory,
    shares,
    ...(isReplay ? { replay: true } : {}),
  };
}

/** What clocks can tell; more digits would only make the recording longer. */
const rounded = (value: number, unit: number): number => Math.round(value * unit) / unit;

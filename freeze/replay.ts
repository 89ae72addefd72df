// Replay: what a freeze policy would have decided in a run, from the signals the run recorded. Pure. The policy follows
// its own decisions, on the gradients of the run as it was; what the guard would have said to another policy's freezes
// nobody can know.
import type { FreezePolicy } from './policy.js';

/** Gradient norm per layer over the interval that ended when `step` steps were done. */
export interface RecordedSignals {
  readonly step: number;
  /** Layers that were frozen in the run, whose norms say nothing. */
  readonly frozenLayers: number;
  readonly norms: readonly number[];
  /** Share of the run's learning that was still to come then, and all of it, in samples that are seen once. */
  readonly learningLeft: number;
  readonly learningSamples: number;
}

export interface ReplayedDecision {
  readonly step: number;
  readonly fromLayers: number;
  /** What the policy decides. */
  readonly toLayers: number;
  readonly reason: string;
}

export interface ReplayOptions {
  readonly policy: FreezePolicy;
  /** In order of steps, each step once. */
  readonly signals: readonly RecordedSignals[];
  readonly numLayers: number;
  readonly maxLayers: number;
  readonly totalSteps: number;
  /** Training samples of an epoch. */
  readonly numSamples: number;
  /** Steps that the run did. */
  readonly steps: number;
}

/** Every decision of an interval; of a policy that is asked after every step only those that change something. */
export function replayPolicy(options: ReplayOptions): ReplayedDecision[] {
  const { policy, signals, steps, totalSteps, numLayers, maxLayers, numSamples } = options;
  const most = Math.min(maxLayers, policy.most?.(numLayers, numSamples) ?? Infinity);
  const later = policy.everyStep ? Array.from({ length: steps }, (_, i) => i + 1) : signals.map(({ step }) => step);
  const asked = policy.atStart === true ? [0, ...later] : later;
  const decisions: ReplayedDecision[] = [];
  let layers = 0;
  // At the end of the run nobody asks.
  for (const step of asked.filter((one) => one < totalSteps)) {
    // Nobody asks a policy that has nothing left to freeze.
    if (layers >= most) break;
    const decided = ask(options, step, decisions.length + 1, layers);
    if (!policy.everyStep || decided.toLayers !== layers) decisions.push(decided);
    layers = decided.toLayers;
  }
  return decisions;
}

/**
 * Asks the run's own policy again at every decision the run took, with as many layers frozen as were in the run: the
 * guard may have held decisions back or rolled them back.
 */
export function replayOwn(
  options: ReplayOptions,
  taken: readonly { readonly step: number; readonly fromLayers: number }[],
): ReplayedDecision[] {
  return taken.map(({ step, fromLayers }, index) => ask(options, step, index + 1, fromLayers));
}

function ask(
  { policy, signals, numLayers, maxLayers, totalSteps, numSamples }: ReplayOptions,
  step: number,
  interval: number,
  frozenLayers: number,
): ReplayedDecision {
  const at = signals.findLastIndex((one) => one.step <= step);
  const normsAt = (index: number): number[] => {
    const found = signals[index];
    return found === undefined
      ? []
      : found.norms.map((norm, layer) => (layer < found.frozenLayers && layer >= frozenLayers ? NaN : norm));
  };
  const { layers, reason } = policy.decide({
    interval,
    step,
    totalSteps,
    numSamples,
    learningLeft: signals[at]?.learningLeft ?? 1,
    learningSamples: signals[at]?.learningSamples ?? numSamples,
    frozenLayers,
    numLayers,
    layerNorms: normsAt(at),
    previousNorms: normsAt(at - 1),
    maxLayers,
  });
  return { step, fromLayers: frozenLayers, toLayers: layers, reason };
}

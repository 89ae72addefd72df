// FreezePolicy: a pure function from signals and history to the number of frozen layers, with its reason. It holds no
// state and touches no model; the same input gives the same decision, so that a run can be replayed from its events.

export interface FreezeInput {
  /** T, the number of this decision, from 1. */
  readonly interval: number;
  /** Steps done so far. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly totalSteps: number;
  /** Training samples of an epoch. */
  readonly numSamples: number;
  /** Share of the run's learning that is still to come, 0 to 1 (run-learning.ts). */
  readonly learningLeft: number;
  /** All of it, in samples that are seen once. */
  readonly learningSamples: number;
  /** L_f(T-1), layers frozen so far. */
  readonly frozenLayers: number;
  /** L. */
  readonly numLayers: number;
  /**
   * Gradient norm per layer over the interval (L of them; of frozen layers the last one before they froze), or empty
   * where no step was made.
   */
  readonly layerNorms: readonly number[];
  /** The same over the interval before, or empty where there was none. */
  readonly previousNorms: readonly number[];
  /** Most layers that may be frozen. */
  readonly maxLayers: number;
}

export interface FreezeDecision {
  /** L_f(T) >= L_f(T-1); at most `maxLayers` unless more are frozen already. */
  readonly layers: number;
  /** One sentence with the numbers; never empty. */
  readonly reason: string;
}

/** What a run lets its policies choose from: each takes what it needs. */
export interface FreezePolicyOptions {
  /** paper, alpha: in (0, 1). */
  readonly alpha: number;
  /** manual: `STEP:LAYERS,...`. */
  readonly schedule: string;
  /** change: percentile of the changes below which a layer counts as calm, 0 to 100. */
  readonly percentile: number;
  /** anneal: share of the run after which the first layer freezes. */
  readonly start: number;
  /** auto: share of the run's learning that frozen layers may give up, 0 to 1. */
  readonly budget: number;
  /**
   * auto: leading layers that, with all that lies before them, start from pretrained weights; 0 from scratch, and from
   * the weights of an own run.
   */
  readonly pretrainedLayers: number;
}

/** A kind of policy, before it has its options: what the registry lists. */
export interface FreezePolicyKind {
  readonly name: string;
  /** The options that it uses; the others change nothing. */
  readonly reads: readonly (keyof FreezePolicyOptions)[];
  /** Whether the guard watches its freezes where nothing is said; where it depends on the options, true. */
  readonly isGuarded: boolean;
  /** True where it freezes nothing in a run from scratch. Default: false. */
  readonly needsTrained?: boolean;
  /** How many decisions a run has where no interval is given. Absent: one at the end of every epoch. */
  readonly decisions?: number;
  /** Throws a UsageError where an option that it uses is wrong. */
  make(options: FreezePolicyOptions): FreezePolicy;
}

/** Where freezing stands, for those who prepare what may come next. */
export interface FreezeOutlook {
  /** Layers that are frozen. */
  readonly layers: number;
  /** Decisions so far. */
  readonly decisions: number;
  readonly numLayers: number;
}

export interface FreezePolicy {
  readonly name: string;
  /**
   * Whether the guard watches its freezes where nothing is said (`--guard auto`): true where it decides by itself, from
   * signals or a formula. A schedule was written by a person; annealing cannot be undone by unfreezing; and where
   * nothing freezes, looks would cost their time for nothing.
   */
  readonly isGuarded: boolean;
  /** True where the policy must be asked after every step; false where freeze intervals are enough. */
  readonly everyStep: boolean;
  /** True where the policy is also asked before the first step, when there are no signals yet. Default: false. */
  readonly atStart?: boolean;
  /** The most of so many layers that it would ever freeze, with so many training samples. Absent: all. */
  readonly most?: (numLayers: number, numSamples: number) => number;
  decide(input: FreezeInput): FreezeDecision;
  /**
   * Layers that will probably be frozen after its next change, the likeliest number first; none where nothing more will
   * freeze. A guess, for what may be prepared ahead; numbers that cannot be are ignored.
   */
  expected(outlook: FreezeOutlook): readonly number[];
  /**
   * Factor of the learning rate of a layer (0-based; 0 also stands for what lies before the layers). Absent: 1 for all.
   */
  readonly rate?: (layer: number, at: RateInput) => number;
}

/** When a layer's own learning rate is asked for. */
export interface RateInput {
  /** Steps done, from 0, as a share of all steps. */
  readonly progress: number;
  readonly numLayers: number;
  /** Most layers that may be frozen. */
  readonly maxLayers: number;
}

/**
 * Turns what a rule wants into a decision: whole, never less than now, never above the most. `because` explains the
 * wanted number.
 */
export function decision(
  { frozenLayers, numLayers, maxLayers }: FreezeInput,
  wanted: number,
  because: string,
): FreezeDecision {
  const most = Math.min(maxLayers, numLayers);
  const layers = Math.max(frozenLayers, Math.min(wanted, most));
  const cap = wanted > layers ? `; at most ${most} may be frozen` : '';
  const change =
    layers === frozenLayers
      ? `stays at ${layers} of ${numLayers} frozen layers`
      : `freezes ${layers} of ${numLayers} layers (${frozenLayers} before)`;
  return { layers, reason: `${change}: ${because}${cap}` };
}

// GrowPolicy: a pure function from the losses so far to the number of layers, with its reason. It holds no state and
// touches no model; the same input gives the same decision, so that a run can be replayed from its events.

export interface GrowInput {
  /** Steps done so far. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly totalSteps: number;
  /** The numbers of layers that the model has one after the other; the last is all of them. */
  readonly sizes: readonly number[];
  /** Layers now; one of `sizes`, and not the last. */
  readonly layers: number;
  /** Steps of an interval. */
  readonly interval: number;
  /** Mean training loss of each whole interval since the model has this size, the oldest first. */
  readonly losses: readonly number[];
}

export interface GrowDecision {
  /** One of the sizes, no fewer than now. */
  readonly layers: number;
  /** One sentence with the numbers; never empty. */
  readonly reason: string;
}

export interface GrowPolicy {
  readonly name: string;
  /** True where it must be asked after every step; false where the ends of intervals are enough. */
  readonly everyStep: boolean;
  decide(input: GrowInput): GrowDecision;
}

/** The size that follows on the present one. */
export const nextSize = ({ sizes, layers }: Pick<GrowInput, 'sizes' | 'layers'>): number =>
  sizes.find((size) => size > layers) ?? layers;

/** Turns what a rule wants into a decision; `because` explains it. */
export function grows({ layers }: GrowInput, wanted: number, because: string): GrowDecision {
  const change = wanted === layers ? `stays at ${layers} layers` : `grows from ${layers} to ${wanted} layers`;
  return { layers: wanted, reason: `${change}: ${because}` };
}

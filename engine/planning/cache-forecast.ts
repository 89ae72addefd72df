// CacheForecast: what a sample costs at the border of the frozen blocks while a cache fills, when it is full, and on
// average over the epochs that are left. Arithmetic on measured rates; whether to cache at all is decided in
// cache/admission.ts.

export interface ForecastInput {
  /** Forward of all frozen blocks, and of those that no cached level covers yet, per sample. */
  readonly computeMs: number;
  readonly newComputeMs: number;
  /** To read, and to write, one record. */
  readonly readMs: number;
  readonly writeMs: number;
  /** Share of the samples that have a place. */
  readonly share: number;
  /** Epochs that are left, the one that fills included. */
  readonly epochsLeft: number;
}

/** Milliseconds per sample. */
export interface CacheForecast {
  /** In the epoch in which every sample comes for the first time: computed, and written where there is a place. */
  readonly fillMs: number;
  /** Afterwards: read, or computed where there was no place. */
  readonly steadyMs: number;
  /** Over all epochs that are left. */
  readonly averageMs: number;
}

export function cacheForecast({
  computeMs,
  newComputeMs,
  readMs,
  writeMs,
  share,
  epochsLeft,
}: ForecastInput): CacheForecast {
  const fillMs = newComputeMs + share * writeMs;
  const steadyMs = share * readMs + (1 - share) * computeMs;
  // Of less than an epoch all is filling.
  const epochs = Math.max(1, epochsLeft);
  return { fillMs, steadyMs, averageMs: (fillMs + (epochs - 1) * steadyMs) / epochs };
}

// UpdateSettings: what an update of weights is told at every step, whatever the optimizer.

/** What changes from step to step. */
export interface UpdateSettings {
  readonly learningRate: number;
  /** Factor of the gradient, e.g. from clipping; applied as a 32-bit float. */
  readonly gradientScale: number;
  /** Number of this update, from 1; AdamW corrects the bias of its moments by it. */
  readonly updateCount: number;
}

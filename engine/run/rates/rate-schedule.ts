// RateSchedule: how the learning rate goes from its peak to its floor once the warm-up is over: what the registry
// lists. It knows neither the peak nor the floor, and no optimizer.

/** What a run can set of it; every schedule takes what it needs. */
export interface RateScheduleSettings {
  /** Share of the peak that is left at the end. */
  readonly lrFloor: number;
  /** Share of the steps after the warm-up in which the rate falls. */
  readonly lrDecay: number;
}

export interface RateSchedule {
  readonly name: string;
  /** The settings that it reads; the others change nothing. */
  readonly reads: readonly (keyof RateScheduleSettings)[];
  /** From 1, the peak, to 0, the floor. `progress` is the share of the steps after the warm-up that is done, 0 to 1. */
  height(progress: number, settings: RateScheduleSettings): number;
}

// Metric: one number for all validation samples: a fold over what is told of each, in the order of the samples, in
// double precision. So it has the same bits whoever evaluated which sample.
import type { Dataset } from '../data/dataset.js';
import type { OutcomeKind } from '../model/outcome-kind.js';
import type { SampleStatistics } from './sample-statistics.js';

export interface Metric {
  readonly name: string;
  /** What it is, for listings: no sentence, no capital. */
  readonly summary: string;
  /** Of which outcomes it can be computed; null: of any, and of none. */
  readonly of: readonly OutcomeKind[] | null;
  readonly higherIsBetter: boolean;
  /** Why it cannot be computed of these data; null or absent where it can. */
  readonly lacks?: (info: Dataset['info']) => string | null;
  readonly fold: (samples: SampleStatistics) => number;
}

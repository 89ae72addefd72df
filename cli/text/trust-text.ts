// What is said of measured costs that cannot be trusted.
import type { CostTrust } from '../../engine/costs/cost-trust.js';
import { percent } from './format.js';

/** One sentence. */
export const distrustText = ({ othersShare, spread }: CostTrust): string =>
  `costs measured under load (${percent(othersShare)} of the time was others', timings of the same program lie ` +
  `${percent(spread)} apart): predictions may be far off, and they are not kept for later runs`;

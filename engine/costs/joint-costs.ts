// JointCosts: one set of costs out of those that several workers measured at the same time. Workers share the memory
// and often the cores of a machine: what one of them measures while the others rest is less than what it takes in
// training.
import { invariant, present } from '../core/invariant.js';
import type { ReportOf } from '../protocol/messages.js';
import { jointTrust } from './cost-trust.js';
import { jointHandover } from './handover-probe.js';

type Costs = ReportOf<'costs'>;
type BlockCosts = Costs['blocks'][number];

/** The mean over the workers, number by number. Sizes are the same everywhere. */
export function jointCosts(reports: readonly Costs[]): Costs {
  const first = present(reports[0], 'costs');
  invariant(
    reports.every(({ blocks }) => blocks.length === first.blocks.length),
    () => 'workers measured different numbers of blocks',
  );
  const mean = (pick: (report: Costs) => number): number =>
    reports.reduce((sum, report) => sum + pick(report), 0) / reports.length;
  const timeOf = (block: number, name: 'forwardMs' | 'backwardMs' | 'inputGradientMs' | 'weightGradientMs'): number =>
    mean(({ blocks }) => present(blocks[block], 'block')[name]);
  const blocks = first.blocks.map((sizes, block): BlockCosts => ({
    ...sizes,
    forwardMs: timeOf(block, 'forwardMs'),
    backwardMs: timeOf(block, 'backwardMs'),
    inputGradientMs: timeOf(block, 'inputGradientMs'),
    weightGradientMs: timeOf(block, 'weightGradientMs'),
  }));
  const readMsPerMb = Object.fromEntries(
    Object.keys(first.readMsPerMb).map((codec) => [
      codec,
      mean((one) => present(one.readMsPerMb[codec], `reads of codec ${codec}`)),
    ]),
  );
  return {
    type: 'costs',
    blocks,
    readMsPerMb,
    updateMsPerMb: mean((one) => one.updateMsPerMb),
    trust: jointTrust(reports.map(({ trust }) => trust)),
    handover: jointHandover(reports.map(({ handover }) => handover)),
  };
}

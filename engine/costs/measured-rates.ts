// MeasuredRates: what moving and updating bytes costs on this machine. Rates, not the costs of blocks; what a plan
// makes of them is not their business.
import type { CodecName } from '../../cache/codec.js';
import { measureDisk } from './disk-probe.js';
import type { HandoverCost } from './handover-probe.js';

/** Milliseconds per 10^6 bytes. */
export interface MeasuredRates {
  /** To check and decode cached activations, by codec; counted in bytes of activations. */
  readonly readMsPerMb: Readonly<Record<CodecName, number>>;
  /** To read from the disk of the cache, or null where there is none. */
  readonly diskReadMsPerMb: number | null;
  /** To update parameters. */
  readonly updateMsPerMb: number;
  /** What it takes one worker to hand over to another, or null where there is only one. */
  readonly handover: HandoverCost | null;
}

/** The rates of a report; `disk` is the folder on the disk of the cache, whose reads are measured here, or null. */
export function ratesOf(report: Omit<MeasuredRates, 'diskReadMsPerMb'>, disk: string | null): MeasuredRates {
  const { readMsPerMb, updateMsPerMb, handover } = report;
  return { readMsPerMb, diskReadMsPerMb: disk === null ? null : measureDisk(disk), updateMsPerMb, handover };
}

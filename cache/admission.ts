// Admission: whether caching at a depth pays, from measured times. A pure decision; it measures nothing and switches
// nothing.

export interface AdmissionInput {
  /** Forward time of the frozen blocks, per sample. */
  readonly recomputeMs: number;
  /** Time to read and check one record. */
  readonly readMs: number;
  /** Time to write one record, paid once. */
  readonly writeMs: number;
  /**
   * How often a record will be read before the depth changes or the run ends (epochs left after the one that fills).
   */
  readonly expectedReads: number;
  /**
   * What a level that is there already saves when a sample comes for the first time, since it is computed from there
   * on. Default: 0.
   */
  readonly inheritedMs?: number;
  readonly recordBytes: number;
  readonly numSamples: number;
  readonly capBytes: number;
}

export interface Admission {
  readonly isOn: boolean;
  /** One sentence with the numbers. */
  readonly reason: string;
  /** Samples that would have a place. */
  readonly cachedSamples: number;
  /** Milliseconds saved over all samples and reads; negative where caching loses. */
  readonly savedMs: number;
}

/**
 * Caches where the reads to come, and the level before, save more than the writes cost, and at least one record fits.
 */
export function shouldCache(input: AdmissionInput): Admission {
  const { recomputeMs, readMs, writeMs, expectedReads, inheritedMs = 0, recordBytes, numSamples, capBytes } = input;
  const cachedSamples = Math.max(0, Math.min(numSamples, Math.floor(capBytes / recordBytes)));
  const perSampleMs = expectedReads * (recomputeMs - readMs) + inheritedMs - writeMs;
  const savedMs = cachedSamples * perSampleMs;
  const verdict = (isOn: boolean, reason: string): Admission => ({ isOn, reason, cachedSamples, savedMs });
  const each = `read ${ms(readMs)} against recompute ${ms(recomputeMs)} per sample`;
  if (![recomputeMs, readMs, writeMs, expectedReads, inheritedMs, perSampleMs].every(Number.isFinite))
    return verdict(false, `the times are not known: ${each}`);
  if (cachedSamples === 0) return verdict(false, `no record of ${mib(recordBytes)} fits into ${mib(capBytes)}`);
  if (expectedReads <= 0 && inheritedMs <= 0)
    return verdict(false, `no sample will be read again before the depth changes or the run ends`);
  if (readMs >= recomputeMs) return verdict(false, `reading is not faster: ${each}`);
  if (perSampleMs <= 0)
    return verdict(
      false,
      `${count(expectedReads)} ${expectedReads === 1 ? 'read saves' : 'reads save'} ` +
        `${ms(expectedReads * (recomputeMs - readMs))} per sample, writing costs ${ms(writeMs)}`,
    );
  const share =
    cachedSamples === numSamples ? `all ${numSamples} samples fit` : `${cachedSamples} of ${numSamples} samples fit`;
  const inherited = inheritedMs > 0 ? ' and the level before' : '';
  return verdict(
    true,
    `${each}; ${count(expectedReads)} ${expectedReads === 1 ? 'read' : 'reads'}${inherited} ` +
      `${expectedReads === 1 && inherited === '' ? 'saves' : 'save'} ${ms(perSampleMs)} per sample after writing ` +
      `(${ms(writeMs)}); ${share} into ${mib(capBytes)}`,
  );
}

const ms = (value: number): string => `${value.toPrecision(3)} ms`;
const mib = (bytes: number): string => `${Number((bytes / 2 ** 20).toPrecision(4))} MiB`;
const count = (value: number): string => String(Number(value.toFixed(2)));

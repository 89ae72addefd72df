// RunCosts: what every block costs on this machine: measured by all workers at once, or known from an earlier run of
// the same model here. Costs decide plans, never results, so what is remembered needs to be about right only; `--costs
// measure` measures again.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { CODECS } from '../../cache/codec.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { allowance } from '../core/allowance.js';
import { present } from '../core/invariant.js';
import type { RunEventBody } from '../events/events.js';
import { type ReportOf, reportSchema } from '../protocol/messages.js';
import { executorOf, hasKernels } from '../run/devices.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import type { KeptResults } from '../tensor/program-shelf.js';
import { type CostTrust, isContradicted, isTrusted, moreTrusted } from './cost-trust.js';
import { measuredCosts } from './measured-costs.js';
import { type MeasuredRates, ratesOf } from './measured-rates.js';

export interface RunCosts {
  readonly costs: readonly BlockCost[];
  readonly rates: MeasuredRates;
  /**
   * Keeps costs that training has corrected, for later runs; drops them where its steps were so far from what was
   * predicted that one of both must have been disturbed: the next run measures anew. Does nothing where the measurement
   * under them cannot be trusted: what steps do not correct (sizes, hand-overs, disks) would be kept with it.
   */
  readonly keep: (corrected: readonly BlockCost[], steps: Contradiction) => void;
  readonly event: Extract<RunEventBody, { type: 'costs.measured' }>;
}

/** What a step of training was predicted to take, and took, milliseconds. */
interface Contradiction {
  readonly predictedStepMs: number;
  readonly measuredStepMs: number;
}

/** Measurements that are made at most where none of them can be trusted: the machine may stay busy. */
const MOST_MEASUREMENTS = 3;
/** After so many milliseconds none is begun again: a large model would start late, and its steps soon tell more. */
const MOST_MS = 3000;

/** Who can measure, and where the cache of the run lies on a disk, if anywhere. */
export interface CostSource {
  measureCosts(microBatch: number): Promise<ReportOf<'costs'>>;
  readonly cacheFolder: { readonly path: string } | null;
}

/** Finds or measures the costs; what was measured and can be trusted is kept where `kept` is not null. */
export async function runCosts(setup: RunSetup, source: CostSource, kept: KeptResults | null): Promise<RunCosts> {
  const begin = performance.now();
  const key = kept === null ? '' : costKey(setup, kept.codeDigest);
  const known =
    kept === null || setup.config.costs === 'measure' ? null : parsed(kept.disk.get(key), setup.model.blocks.length);
  const report = known ?? (await trustedMeasurement(() => source.measureCosts(setup.microBatch)));
  if (known === null && isTrusted(report.trust)) kept?.disk.put(key, Buffer.from(JSON.stringify(report)));
  const costs = measuredCosts(setup, report);
  const blocks = costs.map(({ name, forwardMs, backwardMs, parameterBytes, savedBytes, outputBytes }) => ({
    name,
    forwardMs,
    backwardMs,
    parameterBytes,
    savedBytes,
    outputBytes,
  }));
  const event = {
    type: 'costs.measured',
    ...report.handover,
    isCached: known !== null,
    trust: { ...report.trust, isGood: isTrusted(report.trust) },
    seconds: (performance.now() - begin) / 1000,
    blocks,
  } as const;
  const keep = (corrected: readonly BlockCost[], { predictedStepMs, measuredStepMs }: Contradiction): void => {
    if (!isTrusted(report.trust)) return;
    if (isContradicted(predictedStepMs, measuredStepMs)) return kept?.disk.remove(key);
    const blocks = report.blocks.map((block, index) => {
      const {
        forwardMs,
        backwardMs,
        inputGradientMs = backwardMs / 2,
        weightGradientMs = backwardMs / 2,
      } = present(corrected[index], 'cost');
      return { ...block, forwardMs, backwardMs, inputGradientMs, weightGradientMs };
    });
    kept?.disk.put(key, Buffer.from(JSON.stringify({ ...report, blocks })));
  };
  return { costs, rates: ratesOf(report, source.cacheFolder?.path ?? null), keep, event };
}

/** Measures until the result can be trusted, a few times at most and not for long; the most trusted one. */
export async function trustedMeasurement<T extends { readonly trust: CostTrust }>(
  measure: () => Promise<T>,
  clock = (): number => performance.now(),
): Promise<T> {
  const end = clock() + MOST_MS;
  let best = await measure();
  for (let made = 1; made < MOST_MEASUREMENTS && !isTrusted(best.trust) && clock() < end; made++)
    best = moreTrusted(best, await measure());
  return best;
}

/** The machine, the code, the model, the size of a micro-batch, and how many workers measured together. */
export function costKey(
  {
    config,
    model,
    dataset,
    microBatch,
    workers,
  }: Pick<RunSetup, 'config' | 'model' | 'dataset' | 'microBatch' | 'workers'>,
  codeDigest: string,
): string {
  const { cores, memory, hostCores } = allowance();
  const machine = [cpus()[0]?.model, hostCores, cores, memory, arch(), process.version];
  const blocks = model.blocks.map(({ name, kind, params }) => [
    name,
    kind,
    Object.values(params).map(({ shape }) => shape),
  ]);
  const file = existsSync(config.model) ? digestOf(config.model) : null;
  const computing = [machine, executorOf(config.devices), hasKernels(config), config.precision];
  const trained = [config.model, file, config.modelOptions, blocks, dataset.info, microBatch, optimizerSpec(config)];
  return `costs ${codeDigest} ${JSON.stringify([...computing, ...trained, CODECS.names, workers.length])}`;
}

function digestOf(file: string): string | null {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return null;
  }
}

function parsed(text: Buffer | null, numBlocks: number): ReportOf<'costs'> | null {
  if (text === null) return null;
  try {
    const report = reportSchema.parse(JSON.parse(text.toString()));
    return report.type === 'costs' && report.blocks.length === numBlocks && isTrusted(report.trust) ? report : null;
  } catch {
    return null;
  }
}

// A whole training run inside a test, with real worker processes, in a folder that goes with it; and what tests ask of
// the events of any run.
import { join } from 'node:path';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { EventLog } from '../../engine/events/event-log.js';
import type { RunEvent, RunEventBody } from '../../engine/events/events.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { runTraining } from '../../engine/trainer/run-training.js';
import type { TrainHost } from '../../engine/trainer/train-host.js';
import { scratch } from '../scratch.js';
import { refuseWhileCollecting } from '../test-phase.js';
import { requireWhole } from './whole-run.js';

export type EventOf<T extends RunEventBody['type']> = Extract<RunEventBody, { type: T }>;

export interface TrainedRun {
  readonly events: readonly RunEventBody[];
  of<T extends RunEventBody['type']>(type: T): EventOf<T>[];
  /** The event that ends a run that went well. */
  readonly finished: EventOf<'run.finished'>;
}

/** `PIPETRAIN_TEST_PRECISION=bf16` lets all runs that do not say otherwise compute in bf16 (`npm run test:bf16`). */
const precision = process.env['PIPETRAIN_TEST_PRECISION'] === 'bf16' ? 'bf16' : 'fp32';

/** A tiny run that takes about a second: a two-layer transformer on drawn digits, 12 steps. */
export const TINY: TrainConfigInput = {
  model: 'vit',
  modelOptions: { layers: 2, width: 16, heads: 2, patch: 8 },
  data: 'synthetic:digits',
  dataOptions: { samples: 100 },
  devices: 'cpu:1',
  steps: 12,
  batch: 16,
  microBatch: 2,
  evalEvery: 'never',
  // By default a clock decides.
  checkpointEvery: 'never',
  precision,
  // Tests say how many plans there are, on machines of any speed.
  replan: 'off',
};

/** The run that has these events. Throws where none of them ends it. */
export function runOf(events: readonly RunEventBody[]): TrainedRun {
  const of = <T extends RunEventBody['type']>(type: T): EventOf<T>[] =>
    events.filter((event): event is EventOf<T> => event.type === type);
  const [finished] = of('run.finished');
  if (finished === undefined) throw new Error('the run did not finish');
  return { events, of, finished };
}

let kept: string | undefined;
/**
 * Where the runs of one test file keep compiled programs and measured costs, as the runs of one user do: each is made
 * once and not by every run again. That kept ones give the bits of new ones is a test of its own (programs.test.ts).
 */
export const keptPrograms = (): string => (kept ??= scratch());

/** Trains with the tiny configuration and these changes, in a folder of its own. */
export function trainRun(
  changes: Partial<TrainConfigInput>,
  onEvent: (event: RunEventBody) => void = () => undefined,
  signal = new AbortController().signal,
  host: Partial<TrainHost> = {},
): Promise<TrainedRun> {
  // At once and not as a rejection, so that the place that is wrong is in the stack.
  refuseWhileCollecting('trainRun');
  return train(changes, { emit: onEvent, signal, ...host });
}

async function train(
  changes: Partial<TrainConfigInput>,
  host: Partial<TrainHost> & Pick<TrainHost, 'emit' | 'signal'>,
): Promise<TrainedRun> {
  const events: RunEventBody[] = [];
  const { runFolder = RunFolder.create(join(scratch(), 'run')) } = host;
  const log = new EventLog(runFolder.eventsPath);
  try {
    await runTraining(trainConfigSchema.parse({ ...TINY, ...changes }), {
      cacheFolder: keptPrograms(),
      ...host,
      runFolder,
      sync: () => log.sync(),
      emit: (event) => {
        events.push(event);
        log.append(event);
        host.emit(event);
      },
    });
  } finally {
    log.close();
  }
  requireWhole(runFolder);
  return runOf(events);
}

const references = new Map<string, Promise<TrainedRun>>();

/**
 * As `trainRun`, undisturbed, for tests that want its result and not the training: the first one in a test file makes
 * the run, all others with the same changes share it. A run is a function of its settings, to the bit.
 */
export function referenceRun(changes: Partial<TrainConfigInput>): Promise<TrainedRun> {
  const key = JSON.stringify(Object.entries(changes).sort(([a], [b]) => (a < b ? -1 : 1)));
  const run = references.get(key) ?? trainRun(changes);
  references.set(key, run);
  return run;
}

/** What is equal where runs are: the hashes of all losses and of the final weights, and the final metric. */
export const hashesOf = ({ finished }: TrainedRun): { loss: string; weights: string; metric: number } => ({
  loss: finished.lossSha256,
  weights: finished.weightsSha256,
  metric: finished.metric.value,
});

export const lossesOf = (run: TrainedRun): number[] => run.of('step').map(({ loss }) => loss);

export const cacheHitsOf = (run: TrainedRun): number =>
  run.of('step').reduce((sum, { cacheHits }) => sum + cacheHits, 0);

/** Of every change of plan the shapes before and after, as `2x1 1x2`. */
export const shapesOf = (run: TrainedRun): string[] =>
  run.of('transition').map(({ from, to }) => `${from.K}x${from.R} ${to.K}x${to.R}`);

/** The events as they would be read from a file; their times are their places. */
export const timed = ({ events }: Pick<TrainedRun, 'events'>): RunEvent[] =>
  events.map((event, time) => ({ ...event, time }));

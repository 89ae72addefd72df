// A whole training run inside a test, with real worker processes: the events it emitted and its folder.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { runTraining } from '../../engine/trainer/run-training.js';
import type { TrainHost } from '../../engine/trainer/train-host.js';

export type EventOf<T extends RunEventBody['type']> = Extract<RunEventBody, { type: T }>;

export interface TrainedRun {
  readonly events: readonly RunEventBody[];
  of<T extends RunEventBody['type']>(type: T): EventOf<T>[];
  /** The event that ends a run that went well. */
  readonly finished: EventOf<'run.finished'>;
}

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
  // Tests say how many plans there are, on machines of any speed.
  replan: 'off',
};

/** Trains with the tiny configuration and these changes. The folder is removed afterwards. */
export async function trainRun(
  changes: Partial<TrainConfigInput>,
  onEvent: (event: RunEventBody) => void = () => undefined,
  signal = new AbortController().signal,
  host: Partial<TrainHost> = {},
): Promise<TrainedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'pipetrain-test-'));
  const events: RunEventBody[] = [];
  try {
    await runTraining(trainConfigSchema.parse({ ...TINY, ...changes }), {
      runFolder: RunFolder.create(join(folder, 'run')),
      emit: (event) => {
        events.push(event);
        onEvent(event);
      },
      signal,
      ...host,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const of = <T extends RunEventBody['type']>(type: T): EventOf<T>[] =>
    events.filter((event): event is EventOf<T> => event.type === type);
  const [finished] = of('run.finished');
  if (finished === undefined) throw new Error('the run did not finish');
  return { events, of, finished };
}

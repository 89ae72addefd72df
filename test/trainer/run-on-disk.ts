// A training run in a folder that stays, which may be stopped and resumed: the events of one session, and all of them
// in the folder.
import type { FileLayer } from '../../engine/checkpoint/file-layer.js';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { EventLog } from '../../engine/events/event-log.js';
import type { RunEventBody } from '../../engine/events/events.js';
import type { RunFolder } from '../../engine/run/run-folder.js';
import { runTraining } from '../../engine/trainer/run-training.js';
import { refuseWhileCollecting } from '../test-phase.js';
import { keptPrograms, runOf, TINY, type TrainedRun } from './train-run.js';
import { requireWhole } from './whole-run.js';

export interface SessionOptions {
  /** Stop after this step, as Ctrl-C does. */
  readonly stopAt?: number;
  /** The step comes by more than once: stop when it does so for the n-th time. */
  readonly stopAtTime?: number;
  readonly resume?: boolean;
  readonly files?: FileLayer;
  readonly onEvent?: (event: RunEventBody) => void;
}

/** Trains with the tiny configuration and these changes, into a folder. */
export async function trainInto(
  run: RunFolder,
  changes: Partial<TrainConfigInput>,
  { stopAt, stopAtTime = 1, resume = false, files, onEvent }: SessionOptions = {},
): Promise<TrainedRun> {
  refuseWhileCollecting('trainInto');
  const events: RunEventBody[] = [];
  const stop = new AbortController();
  const log = new EventLog(run.eventsPath);
  let timesSeen = 0;
  const emit = (event: RunEventBody): void => {
    events.push(event);
    log.append(event);
    onEvent?.(event);
    if (event.type === 'step' && event.step === stopAt && ++timesSeen === stopAtTime) stop.abort();
  };
  try {
    const point = resume ? newestResumePoint(run.checkpointsPath).point : null;
    const progress = point?.manifest.progress;
    if (progress !== undefined) log.goOnAfter(progress.steps, progress.digest);
    await runTraining(
      trainConfigSchema.parse({ ...TINY, ...changes }),
      {
        runFolder: run,
        emit,
        sync: () => log.sync(),
        signal: stop.signal,
        cacheFolder: keptPrograms(),
        ...(files === undefined ? {} : { files }),
      },
      point,
    );
  } finally {
    log.close();
  }
  requireWhole(run);
  return runOf(events);
}

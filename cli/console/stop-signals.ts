// StopSignals: SIGINT and SIGTERM as an AbortSignal. The first asks the run to save and stop; the second ends the
// process now.
import { EXIT } from '../../engine/core/errors.js';
import type { CliIo } from './io.js';

export interface StopSignals {
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever had them. */
  readonly release: () => void;
}

/** What is said at the first signal and at the second one. */
const TRAINING = {
  first: 'stopping: finishing this step and saving (once more to stop now)',
  second: 'stopped now; what was not saved is lost',
};

/** Listens until released. */
export function watchStopSignals(
  io: CliIo,
  texts: { readonly first: string; readonly second: string } = TRAINING,
): StopSignals {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      io.stderr.write(`\n${texts.second}\n`);
      io.exitNow(EXIT.interrupted);
      return;
    }
    io.stderr.write(`\n${texts.first}\n`);
    controller.abort();
  };
  io.signals.on('SIGINT', onSignal);
  io.signals.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    release: () => {
      io.signals.off('SIGINT', onSignal);
      io.signals.off('SIGTERM', onSignal);
    },
  };
}

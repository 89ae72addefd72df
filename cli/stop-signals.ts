// StopSignals: SIGINT and SIGTERM as an AbortSignal. The first asks the run to save and stop; the second ends the process now.
import { EXIT } from '../engine/core/errors.js';
import type { CliIo } from './io.js';

export interface StopSignals {
  readonly signal: AbortSignal;
  /** Gives the signals back to whoever had them. */
  readonly release: () => void;
}

/** Listens until released. */
export function watchStopSignals(io: CliIo): StopSignals {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      io.stderr.write('\nstopped now; what was not saved is lost\n');
      io.exitNow(EXIT.interrupted);
      return;
    }
    io.stderr.write('\nstopping: finishing this step and saving (once more to stop now)\n');
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

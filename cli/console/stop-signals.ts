// StopSignals: SIGINT, SIGTERM and SIGHUP as an AbortSignal. The first asks the run to save and stop; a second one that
// is no SIGHUP ends the process now. SIGQUIT stays what it is everywhere: an end at once.
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
  let isAsked = false;
  const stop = (): void => {
    if (controller.signal.aborted) return;
    io.stderr.lines(['', texts.first]);
    controller.abort();
  };
  const onSignal = (): void => {
    if (!isAsked) {
      isAsked = true;
      return stop();
    }
    io.stderr.lines(['', texts.second]);
    io.exitNow(EXIT.interrupted);
  };
  // A terminal that closes says so more than once, through the shell and through the kernel, and nobody is in a hurry.
  io.signals.on('SIGHUP', stop);
  io.signals.on('SIGINT', onSignal);
  io.signals.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    release: () => {
      io.signals.off('SIGHUP', stop);
      io.signals.off('SIGINT', onSignal);
      io.signals.off('SIGTERM', onSignal);
    },
  };
}

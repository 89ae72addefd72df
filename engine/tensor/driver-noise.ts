// DriverNoise: what libraries and drivers write to the error output on their own account while somebody only asks
// whether they work. Whoever asks tells the answer in our words.
import { closeSync, openSync } from 'node:fs';
import { loadKoffi } from './native.js';

const ERROR_OUTPUT = 2;

/** Runs `work` with the error output of this process shut; where that is not possible, as it is. */
export async function withoutDriverNoise<T>(work: () => Promise<T>): Promise<T> {
  const shut = shutErrorOutput();
  try {
    return await work();
  } finally {
    shut?.();
  }
}

/** Returns what opens it again; null where this system has no such calls. */
function shutErrorOutput(): (() => void) | null {
  try {
    const library = loadKoffi().load(null);
    const duplicate = library.func('dup', 'int', ['int']) as (file: number) => number;
    const replace = library.func('dup2', 'int', ['int', 'int']) as (from: number, to: number) => number;
    const output = duplicate(ERROR_OUTPUT);
    if (output < 0) return null;
    const nowhere = openSync('/dev/null', 'w');
    replace(nowhere, ERROR_OUTPUT);
    closeSync(nowhere);
    return () => {
      replace(output, ERROR_OUTPUT);
      closeSync(output);
    };
  } catch {
    return null;
  }
}

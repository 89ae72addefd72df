// The command `pipetrain train` with the tiny configuration, as arguments for a process of its own.
import { join } from 'node:path';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { TINY } from './train-run.js';

/** The compiled command. */
export const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');

type Value = string | number | boolean;
const textOf = (value: Value | Readonly<Record<string, Value>>): string =>
  typeof value === 'object'
    ? Object.entries(value)
        .map(([name, option]) => `${name}=${option}`)
        .join()
    : String(value);

/** `train` and a flag for each setting; everything but the folder of the run. */
export const trainArgs = (changes: Partial<TrainConfigInput> = {}): string[] => [
  'train',
  ...Object.entries({ ...TINY, ...changes }).flatMap(([setting, value]) => [
    `--${setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    textOf(value as Value | Readonly<Record<string, Value>>),
  ]),
];

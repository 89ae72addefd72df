// NumberOption: the value of a flag that is a number within bounds, for commands whose flags are no settings of a run.
import { UsageError } from '../../engine/core/errors.js';
import { decimalIn } from './decimal.js';

export interface NumberBounds {
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

/** What turns the text behind `flag` into a number. It throws a UsageError (PT_USAGE) that names the bounds. */
export const numberOption =
  (flag: string, { least, most, isWhole = false }: NumberBounds) =>
  (text: string): number => {
    const value = decimalIn(text);
    if (value !== null && value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
    const what = isWhole ? 'a whole number' : 'a number';
    throw new UsageError('PT_USAGE', `${flag} is "${text}"`, `Use ${what} from ${least} to ${most}.`);
  };

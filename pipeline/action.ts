// Action: one thing a stage does in a step, as data: (stage, kind, micro-batch). Its text form `2F0` is the one name of
// it in grids, errors, traces and tests. It does not say when it runs, nor how.
import { ScheduleError } from './schedule-error.js';

/**
 * F forward; B the whole backward. A schedule that splits the backward writes I (gradient of the input) and W (gradient
 * of the weights) instead of B.
 */
export type ActionKind = 'F' | 'B' | 'I' | 'W';

export interface Action {
  readonly stage: number;
  readonly kind: ActionKind;
  /** Index m of the micro-batch within its replica. */
  readonly micro: number;
}

/** The text form, e.g. `2F0`. */
export const showAction = ({ stage, kind, micro }: Action): string => `${stage}${kind}${micro}`;

/** The inverse of `showAction`. Throws a ScheduleError where the text is no action. */
export function parseAction(text: string): Action {
  const hit = /^(0|[1-9]\d{0,8})([FBIW])(0|[1-9]\d{0,8})$/.exec(text);
  if (hit === null)
    throw new ScheduleError(
      `"${text}" is not an action`,
      'Write <stage><kind><micro-batch> with kind F, B, I or W, e.g. 2F0.',
    );
  return { stage: Number(hit[1]), kind: hit[2] as ActionKind, micro: Number(hit[3]) };
}

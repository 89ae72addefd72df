// HandOvers: which action gives another what it computes from, by the order of the stages. Actions of one stage among
// themselves are not hand-overs.
import type { Action } from '../../pipeline/action.js';

/** The names of what an action may need from another stage: the first one that the schedule has. */
export function givers({ stage, kind, micro }: Action): string[] {
  if (kind === 'F') return stage === 0 ? [] : [`${stage - 1}F${micro}`];
  return kind === 'W' ? [] : [`${stage + 1}B${micro}`, `${stage + 1}I${micro}`];
}

// Text of `pipetrain freeze-replay`: one line per decision of the policy, with what the run did at that step, and what
// the two come to. Pure text.
import type { FreezeReplay } from '../../engine/freezing/freeze-replay.js';
import { plural, wrap } from './format.js';
import { textColumns } from './text-columns.js';

export function replayLines({ policy, isOwn, numLayers, decisions, run }: FreezeReplay, columns: number): string[] {
  const steps = [...new Set([...decisions, ...run].map(({ step }) => step))].sort((a, b) => a - b);
  const rows = steps.map((step) => {
    const decision = decisions.find((one) => one.step === step);
    const did = run
      .filter((one) => one.step === step)
      .map(didText)
      .join('; ');
    return [
      String(step),
      decision === undefined ? '' : change(decision.fromLayers, decision.toLayers),
      did,
      decision?.reason.replace(/^[^:]*: /, '') ?? '',
    ];
  });
  const after = decisions.at(-1)?.toLayers ?? 0;
  const last = run.at(-1);
  const differing = decisions.filter(
    (decision) =>
      !run.some(
        (one) =>
          one.type === 'freeze.decided' &&
          one.step === decision.step &&
          (one.wantedLayers ?? one.toLayers) === decision.toLayers,
      ),
  ).length;
  const note = isOwn
    ? differing === 0
      ? `This is the policy of the run: ${plural(decisions.length, 'decision')}, all as the run took them.`
      : `This is the policy of the run, and ${differing} of ${plural(decisions.length, 'decision')} differ ` +
        'from what the run recorded: another version decided them.'
    : `At the end ${policy} would have ${after} of ${numLayers} layers frozen, the run had ` +
      `${last?.toLayers ?? 0}. It was asked with the gradients of the run as it was, and without the guard.`;
  if (rows.length === 0) return [`${policy} would have decided nothing; neither did the run.`];
  return [...textColumns([['step', policy, 'the run', 'why'], ...rows], columns), '', ...wrap(note, columns, 0)];
}

const change = (from: number, to: number): string => (from === to ? `stays at ${to}` : `${from} -> ${to}`);

function didText(event: FreezeReplay['run'][number]): string {
  if (event.type === 'freeze.rolledBack')
    return `rolled back to step ${event.toStep}, ${event.fromLayers} -> ${event.toLayers}`;
  return event.held === undefined ? change(event.fromLayers, event.toLayers) : `held at ${event.toLayers}`;
}

// Text of `pipetrain grow-replay`: one line per decision of the policy, with what the run did at that step. Pure text.
import type { GrowReplay } from '../../engine/growing/grow-replay.js';
import { plural, wrap } from './format.js';
import { textColumns } from './text-columns.js';

const change = ({ fromLayers, toLayers }: { readonly fromLayers: number; readonly toLayers: number }): string =>
  fromLayers === toLayers ? `stays at ${toLayers}` : `${fromLayers} -> ${toLayers}`;

export function growReplayLines({ policy, isOwn, decisions, run }: GrowReplay, columns: number): string[] {
  const steps = [...new Set([...decisions, ...run].map(({ step }) => step))].sort((a, b) => a - b);
  if (steps.length === 0) return [`${policy} would have decided nothing; neither did the run.`];
  const rows = steps.map((step) => {
    const [decision, did] = [decisions, run].map((all) => all.find((one) => one.step === step));
    return {
      cells: [String(step), decision === undefined ? '-' : change(decision), did === undefined ? '-' : change(did)],
      why: decision?.reason.replace(/^[^:]*: /, '') ?? '',
    };
  });
  const differing = decisions.filter(
    ({ step, toLayers }) => !run.some((one) => one.step === step && one.toLayers === toLayers),
  ).length;
  const note = isOwn
    ? differing === 0
      ? `This is the policy of the run: ${plural(decisions.length, 'decision')}, all as the run took them.`
      : `This is the policy of the run, and ${differing} of ${plural(decisions.length, 'decision')} differ from what ` +
        'the run recorded: another version decided them.'
    : 'It was asked with the losses of the run as it was.';
  const [first = '', ...lines] = textColumns([['step', policy, 'the run'], ...rows.map(({ cells }) => cells)], columns);
  return [
    first,
    ...lines.flatMap((line, i) => {
      const why = rows[i]?.why ?? '';
      return [line, ...(why === '' ? [] : wrap(`    why: ${why}`, columns, 6))];
    }),
    '',
    ...wrap(note, columns, 0),
  ];
}

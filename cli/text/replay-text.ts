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
    return {
      cells: [
        String(step),
        decision === undefined ? '-' : change(decision.fromLayers, decision.toLayers),
        did === '' ? '-' : did,
      ],
      why: decision?.reason.replace(/^[^:]*: /, '') ?? '',
    };
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
      ? `This is the policy of the run: ${plural(decisions.length, 'decision')}, all as the run took them` +
        `${heldText(run)}.`
      : `This is the policy of the run, and ${differing} of ${plural(decisions.length, 'decision')} differ ` +
        'from what the run recorded: another version decided them.'
    : `At the end ${policy} would have ${after} of ${numLayers} layers frozen, the run had ` +
      `${last?.toLayers ?? 0}. It was asked with the gradients of the run as it was, and without the guard.`;
  if (rows.length === 0) return [`${policy} would have decided nothing; neither did the run.`];
  const heading = ['step', isOwn ? `${policy} wants` : policy, 'the run'];
  const [first = '', ...lines] = textColumns([heading, ...rows.map(({ cells }) => cells)], columns);
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

/** Decisions of the run that its guard did not let through. */
function heldText(run: FreezeReplay['run']): string {
  const held = run.filter((event) => event.type === 'freeze.decided' && event.held !== undefined).length;
  return held === 0 ? '' : `; the guard held ${held === 1 ? 'one of them' : `${held} of them`} back`;
}

const change = (from: number, to: number): string => (from === to ? `stays at ${to}` : `${from} -> ${to}`);

function didText(event: FreezeReplay['run'][number]): string {
  if (event.type === 'freeze.rolledBack')
    return `rolled back to step ${event.toStep}, ${event.fromLayers} -> ${event.toLayers}`;
  return event.held === undefined ? change(event.fromLayers, event.toLayers) : `held at ${event.toLayers}`;
}

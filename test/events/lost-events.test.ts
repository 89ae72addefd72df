// Events that a file system lost although a checkpoint is newer: the run goes on, ends with the digests of one that
// lost nothing, and its record says what is missing instead of being broken for good.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEvent } from '../../engine/events/events.js';
import { checkLedger } from '../../engine/events/ledger.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { verifyRun } from '../../engine/verify/verify-run.js';
import { scratch } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';
import { hashesOf, type TrainedRun, trainRun } from '../trainer/train-run.js';

const CONFIG: Partial<TrainConfigInput> = { steps: 20 };
/** The step in which the run is asked to stop; one more is under way by then. */
const STOP = 11;

const stepsOf = (events: Iterable<RunEvent>): number[] =>
  [...events].flatMap((event) => (event.type === 'step' ? [event.step] : []));

/** A run that was stopped, lost the end of its events after `kept` steps, and went on. */
async function resumedWithout(kept: number, rubbish: string): Promise<{ run: RunFolder; resumed: TrainedRun }> {
  const run = RunFolder.create(join(scratch(), 'run'));
  await trainInto(run, CONFIG, { stopAt: STOP });
  const events = [...new EventFile(run.eventsPath)];
  const end = events.findIndex((event) => event.type === 'step' && event.step === kept);
  const lines = events.slice(0, end).map((event) => `${JSON.stringify(event)}\n`);
  writeFileSync(run.eventsPath, lines.join('') + rubbish);
  return { run, resumed: await trainInto(run, CONFIG, { resume: true }) };
}

let undisturbed: TrainedRun;
beforeAll(async () => {
  undisturbed = await trainRun(CONFIG);
});

describe('a run whose last events are lost', () => {
  it.each([
    ['lost whole lines', ''],
    ['lost them to zeros', '\u0000'.repeat(700)],
  ])('that %s goes on, and says which steps nobody tells of', async (_, rubbish) => {
    const { run, resumed } = await resumedWithout(6, rubbish);
    expect(hashesOf(resumed)).toEqual(hashesOf(undisturbed));
    const events = [...new EventFile(run.eventsPath)];
    expect(events.filter(({ type }) => type === 'events.lost')).toMatchObject([{ fromStep: 6, toStep: STOP + 2 }]);
    expect(stepsOf(events)).toEqual([0, 1, 2, 3, 4, 5, 13, 14, 15, 16, 17, 18, 19]);
    const checks = verifyRun(run);
    expect(checks.filter(({ problem }) => problem !== null)).toEqual([]);
    expect(checks[0]?.scope).toContain('the events of 7 steps are lost, a checkpoint had them');
    // The digest goes over the gap: it is checked, not believed.
    expect(checks[2]?.scope).toContain('20 losses, sha256');
    const changed = events.map((event) =>
      event.type === 'step' && event.step === 15 ? { ...event, loss: Math.fround(event.loss * 2) } : event,
    );
    expect(checkLedger(changed, true).find(({ name }) => name === 'losses')?.problem).toContain('have the digest');
  });

  it('does not hide a step that is missing for another reason', async () => {
    const { run } = await resumedWithout(6, '');
    const events = [...new EventFile(run.eventsPath)];
    const without = (drop: (event: RunEvent) => boolean): (string | null | undefined)[] =>
      checkLedger(
        events.filter((event) => !drop(event)),
        true,
      ).map(({ problem }) => problem);
    expect(without(({ type }) => type === 'events.lost')[0]).toMatch(/goes on after 13 steps, but only 6/);
    expect(without((event) => event.type === 'step' && event.step === 5)[0]).toMatch(
      /steps 6 to 12 are said to be lost/,
    );
    expect(without((event) => event.type === 'step' && event.step === 14)[0]).toMatch(/step 14 is missing/);
  });

  it('tells a damaged line in the middle as what it is', async () => {
    const run = RunFolder.create(join(scratch(), 'run'));
    await trainInto(run, { ...CONFIG, checkpointEvery: '4 steps' }, { stopAt: STOP });
    const lines = readFileSync(run.eventsPath, 'utf8').trimEnd().split('\n');
    const at = lines.findIndex((line) => line.includes('"type":"steps"'));
    lines[at] = (lines[at] as string).replace('"columns"', '"colu\u0000ns"');
    writeFileSync(run.eventsPath, `${lines.join('\n')}\n`);
    const resumed = await trainInto(run, CONFIG, { resume: true });
    expect(hashesOf(resumed)).toEqual(hashesOf(undisturbed));
    expect([...new EventFile(run.eventsPath)].filter(({ type }) => type === 'events.damaged')).toHaveLength(1);
    expect(verifyRun(run)[2]?.scope).toMatch(/20 losses, (some of which are lost|sha256)/);
  });
});

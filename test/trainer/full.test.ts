// Nothing left on a disk or in shared memory while a run goes on: it is survived with the bits of the undisturbed run,
// or ends with one clear message. The file systems are real and really full.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EventFile } from '../../engine/events/event-file.js';
import { scratch } from '../scratch.js';
import { canMount, runOnSmallDisk, type SmallRun } from './small-disk.js';
import { trainArgs } from './train-command.js';

const STEPS = 250;
const argsOf = (steps: number): string[] =>
  trainArgs({ devices: 'cpu:2', pipeline: 2, steps, freeze: 'manual', freezeSchedule: '150:1' });
const args = argsOf(STEPS);
let whole: Promise<SmallRun> | undefined;
/** The run that nothing happens to; made by the first test that wants it. */
const undisturbed = (): Promise<SmallRun> =>
  (whole ??= runOnSmallDisk(
    4096,
    (folder) => [...args, '--out', join(folder, 'run')],
    () => undefined,
  ));
const endOf = (run: SmallRun): unknown =>
  run.events.flatMap((event) => (event.type === 'run.finished' ? [event.lossSha256, event.weightsSha256] : []));
const warningsOf = ({ events }: SmallRun): string[] =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

describe.skipIf(!canMount)('a full disk', () => {
  it('does not stop training: events wait in memory, and every one is in the file in the end', async () => {
    let text = '';
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--out', join(folder, 'run')],
      (event, disk) => {
        if (event.type === 'step' && event.step === 30) disk.fill();
        if (event.type === 'step' && event.step === 180) disk.empty();
        if (event.type === 'run.finished') text = disk.read('run/events.jsonl');
      },
    );
    expect(run).toMatchObject({ code: 0, errors: '' });
    expect(warningsOf(run)).toEqual([
      expect.stringMatching(/^events are kept in memory, ENOSPC/),
      'the events that were kept in memory are written',
    ]);
    const copy = join(scratch(), 'events.jsonl');
    writeFileSync(copy, text);
    const written = [...new EventFile(copy)];
    expect(written.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual(
      Array.from({ length: STEPS }, (_, step) => step),
    );
    expect(endOf(run)).toEqual(endOf(await undisturbed()));
  });

  it('that stays full ends the run with exit code 3 and one message', async () => {
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...argsOf(80), '--out', join(folder, 'run')],
      (event, disk) => void (event.type === 'step' && event.step === 20 && disk.fill()),
    );
    expect(run.code).toBe(3);
    expect(run.errors.match(/^error: /gm)).toHaveLength(1);
    expect(run.errors).toMatch(/\[PT_[A-Z_]+\]\nhint: .*[Ff]ree/);
  });
});

describe.skipIf(!canMount)('shared memory', () => {
  it('that is too small for the run ends it before it starts, with both numbers', async () => {
    const run = await runOnSmallDisk(
      64,
      (folder) => [...args, '--memory-dir', folder, '--out', join(scratch(), 'run')],
      () => undefined,
    );
    expect(run.code).toBe(4);
    expect(run.errors).toMatch(/needs at least \d+ bytes of shared memory, \d+ bytes are free \[PT_SHM_FULL\]/);
  });

  it.each([
    // The file system itself, and the folder of the run: nothing is left for what lies in it.
    [2, 2, /cannot hold shared memory: ENOSPC.*\[PT_MEMORY_DIR\]/],
    [8, 4, /needs at least \d+ files in shared memory, .* has room for \d \(inodes\) \[PT_SHM_FULL\]/],
  ])('that takes %i files ends the run before it starts, with one message', async (files, code, message) => {
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--memory-dir', folder, '--out', join(scratch(), 'run')],
      () => undefined,
      files,
    );
    expect(run.code).toBe(code);
    expect(run.errors.match(/^error: /gm)).toHaveLength(1);
    expect(run.errors).toMatch(message);
  });

  it('that takes too few files for a run ends it with one message', async () => {
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--memory-dir', folder, '--out', join(scratch(), 'run')],
      () => undefined,
      24,
    );
    expect(run.code).toBe(4);
    expect(run.errors.match(/^error: /gm)).toHaveLength(1);
    expect(run.errors).toMatch(/has no room for more files \(inodes\).*\[PT_SHM_FULL\]/);
  });

  it('that is full when a snapshot is due and when layers freeze costs time, and no bit', async () => {
    let wasFull = false; // the step comes by again after the recovery
    const out = join(scratch(), 'run');
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--memory-dir', folder, '--out', out],
      (event, disk) => {
        if (event.type === 'step' && event.step === 30 && !wasFull) disk.fill();
        wasFull ||= event.type === 'step' && event.step === 30;
        if (event.type === 'worker.lost') disk.empty();
      },
    );
    expect(run).toMatchObject({ code: 0, errors: '' });
    expect(
      warningsOf(run).some((message) => /wants \d+ bytes of shared memory, .* has \d+ bytes free/.test(message)),
    ).toBe(true);
    expect(run.events.filter(({ type }) => type === 'recovered').length).toBeGreaterThan(0);
    expect(endOf(run)).toEqual(endOf(await undisturbed()));
    const { status } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as { status: string };
    expect(status).toBe('finished');
  });
});

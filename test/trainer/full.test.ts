// Nothing left on a disk or in shared memory while a run goes on: it is survived with the bits of the undisturbed run,
// or ends with one clear message. The file systems are real and really full.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../engine/events/events.js';
import { canMount, runOnSmallDisk, type SmallRun } from './small-disk.js';

const STEPS = 400;
const args = [
  'train',
  '--model',
  'vit',
  '--data',
  'synthetic:digits',
  '--data-options',
  'samples=100',
  '--model-options',
  'layers=2,width=16,heads=2,patch=8',
  '--devices',
  'cpu:2',
  '--pipeline',
  '2',
  '--batch',
  '16',
  '--micro-batch',
  '2',
  '--steps',
  String(STEPS),
  '--eval-every',
  'never',
  '--freeze',
  'manual',
  '--freeze-schedule',
  '250:1',
];
const undisturbed = canMount
  ? runOnSmallDisk(
      4096,
      (folder) => [...args, '--out', join(folder, 'run')],
      () => undefined,
    )
  : null;
const hashesOf = (run: SmallRun | null): unknown =>
  run?.events.flatMap((event) => (event.type === 'run.finished' ? [event.lossSha256, event.weightsSha256] : []));
const warningsOf = ({ events }: SmallRun): string[] =>
  events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));

describe.skipIf(!canMount)('a full disk', () => {
  it('does not stop training: events wait in memory, and every one is in the file in the end', async () => {
    let text = '';
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--out', join(folder, 'run')],
      (event, disk) => {
        if (event.type === 'step' && event.step === 50) disk.fill();
        if (event.type === 'step' && event.step === 300) disk.empty();
        if (event.type === 'run.finished') text = disk.read('run/events.jsonl');
      },
    );
    expect(run).toMatchObject({ code: 0, errors: '' });
    expect(warningsOf(run)).toEqual([
      expect.stringMatching(/^events are kept in memory, ENOSPC/),
      'the events that were kept in memory are written',
    ]);
    const written = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
    expect(written.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual(
      Array.from({ length: STEPS }, (_, step) => step),
    );
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed));
  });

  it('that stays full ends the run with exit code 3 and one message', async () => {
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--out', join(folder, 'run'), '--steps', '80'],
      (event, disk) => void (event.type === 'step' && event.step === 20 && disk.fill()),
    );
    expect(run.code).toBe(3);
    expect(run.errors.match(/^error: /gm)).toHaveLength(1);
    expect(run.errors).toMatch(/\[PT_[A-Z_]+\]\nhint: .*[Ff]ree/);
  });
});

describe.skipIf(!canMount)('shared memory', () => {
  const out = mkdtempSync(join(tmpdir(), 'pipetrain-test-'));
  it('that is too small for the run ends it before it starts, with both numbers', async () => {
    const run = await runOnSmallDisk(
      64,
      (folder) => [...args, '--memory-dir', folder, '--out', join(out, 'a')],
      () => undefined,
    );
    expect(run.code).toBe(4);
    expect(run.errors).toMatch(/needs at least \d+ bytes of shared memory, \d+ bytes are free \[PT_SHM_FULL\]/);
  });

  it('that is full when a snapshot is due and when layers freeze costs time, and no bit', async () => {
    let wasFull = false; // the step comes by again after the recovery
    const run = await runOnSmallDisk(
      4096,
      (folder) => [...args, '--memory-dir', folder, '--out', join(out, 'b')],
      (event, disk) => {
        if (event.type === 'step' && event.step === 50 && !wasFull) disk.fill();
        wasFull ||= event.type === 'step' && event.step === 50;
        if (event.type === 'worker.lost') disk.empty();
      },
    );
    expect(run).toMatchObject({ code: 0, errors: '' });
    expect(
      warningsOf(run).some((message) => /wants \d+ bytes of shared memory, .* has \d+ bytes free/.test(message)),
    ).toBe(true);
    expect(run.events.filter(({ type }) => type === 'recovered').length).toBeGreaterThan(0);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed));
    const { status } = JSON.parse(readFileSync(join(out, 'b', 'summary.json'), 'utf8')) as { status: string };
    expect(status).toBe('finished');
    rmSync(out, { recursive: true, force: true });
  });
});

// pipetrain ablate, with real runs of a tiny model, and how an interrupted one goes on.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../cli/program.js';
import { type CliServices, engineServices } from '../../cli/session/services.js';
import type { Ablation } from '../../engine/ablation/ablation.js';
import type { TrainConfig } from '../../engine/core/config.js';
import { runEventSchema } from '../../engine/events/events.js';
import { SHARE_NAMES } from '../../engine/events/time-shares.js';
import { sampleRun } from '../events/sample-run.js';
import { scratch } from '../scratch.js';
import { fakeIo, fakeServices } from './fake-io.js';

async function ablate(out: string, flags: readonly string[], services: CliServices) {
  const io = fakeIo();
  const code = await runCli(['ablate', '--out', out, ...flags], io, services);
  return { code, out: io.stdout.text, err: io.stderr.text };
}
const read = (out: string): Ablation => JSON.parse(readFileSync(join(out, 'ablation.json'), 'utf8')) as Ablation;

/** An engine that plays the sample run and remembers what it was asked for. */
function replaying(): { readonly services: CliServices; readonly asked: TrainConfig[] } {
  const asked: TrainConfig[] = [];
  const services = fakeServices((config, host) => {
    asked.push(config);
    for (const { time: _time, ...body } of sampleRun()) host.emit(runEventSchema.parse(body));
    return Promise.resolve();
  });
  return { services, asked };
}
const BASE = ['--model', 'gpt', '--data', 'text:x', '--devices', 'cpu:2'];

describe('ablate', () => {
  test('checks the settings of every run before it makes a folder', async () => {
    const out = join(scratch(), 'a');
    const { code, err } = await ablate(out, [...BASE, '--steps', '8', '--lr', '-1'], engineServices);
    expect([code, existsSync(out)]).toEqual([2, false]);
    expect(err).toContain('[PT_LR_EXPRESSION]');
  });

  test('trains every case, and those of one kind with equal bits', async () => {
    const out = join(scratch(), 'a');
    const model = [
      '--model',
      'vit',
      '--model-options',
      'layers=2,width=16,heads=2,patch=8',
      '--data',
      'synthetic:digits',
      '--data-options',
      'samples=100',
    ];
    const {
      code,
      out: text,
      err,
    } = await ablate(
      out,
      [
        ...model,
        '--devices',
        'cpu:2',
        '--steps',
        '8',
        '--batch',
        '16',
        '--micro-batch',
        '4',
        '--eval-every',
        '2 steps',
        '--freeze',
        'manual',
        '--freeze-schedule',
        '2:1',
        '--cases',
        'best,freeze,all',
      ],
      engineServices,
    );
    expect([code, err]).toEqual([0, '']);
    const { rows, sameBits } = read(out);
    expect(rows.map(({ name }) => name)).toEqual(['best', 'freeze', 'all']);
    expect(sameBits.frozen).toBe(true);
    expect(rows.map(({ runs }) => [runs[0]?.frozenLayers, runs[0]?.curve.length])).toEqual([
      [0, 4],
      [1, 4],
      [1, 4],
    ]);
    expect(rows[1]?.runs[0]).toMatchObject({ first: { K: 2, R: 1 }, last: { K: 2, R: 1 } });
    for (const { shares } of rows) expect(SHARE_NAMES.reduce((sum, name) => sum + shares[name], 0)).toBeCloseTo(1, 9);
    expect(rows[2]?.shares.compute).toBeGreaterThan(0);
    expect(text).toMatch(/^no freezing, best plan +\d+x\d+ +0 /m);
    expect(readFileSync(join(out, 'ablation.svg'), 'utf8')).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
    expect(readFileSync(join(out, 'ablation.md'), 'utf8')).toContain('| freezing only | 2x1 | 1 |');
  });

  test('reads runs that are done, and does those again that are not', async () => {
    const out = join(scratch(), 'a');
    const { services, asked } = replaying();
    expect((await ablate(out, [...BASE, '--cases', 'baseline,all', '--freeze', 'alpha'], services)).code).toBe(0);
    expect(asked.map(({ freeze, schedule, seed }) => [freeze, schedule, seed])).toEqual([
      ['none', 'gpipe', 1],
      ['alpha', 'auto', 1],
    ]);
    // As a killed run leaves its folder: without an end.
    const events = join(out, 'all-seed1', 'events.jsonl');
    writeFileSync(events, readFileSync(events, 'utf8').split('\n').slice(0, 50).join('\n'));
    const again = await ablate(
      out,
      [...BASE, '--cases', 'baseline,all', '--freeze', 'alpha', '--seeds', '1,2'],
      services,
    );
    expect(again.code).toBe(0);
    expect(asked.slice(2).map(({ freeze, seed }) => [freeze, seed])).toEqual([
      ['alpha', 1],
      ['alpha', 2],
      ['none', 2],
    ]);
    expect(again.out).toContain('1/4 baseline, seed 1: was done before');
    expect(read(out).seeds).toEqual([1, 2]);
  });

  test('stops after an interrupted run, and the same command goes on', async () => {
    const out = join(scratch(), 'a');
    const { services, asked } = replaying();
    const stopped = await ablate(out, BASE, {
      ...services,
      runTraining: (_, host) => {
        for (const { time: _time, ...body } of sampleRun())
          host.emit(runEventSchema.parse(body.type === 'run.finished' ? { ...body, isInterrupted: true } : body));
        return Promise.resolve();
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.err).toContain('0 of 6 runs done');
    expect(existsSync(join(out, 'ablation.json'))).toBe(false);
    expect((await ablate(out, BASE, services)).code).toBe(0);
    expect(asked).toHaveLength(6);
  });

  test(
    'refuses a folder with runs of another configuration before it trains, and a folder that is whole costs ' +
      'nothing',
    async () => {
      const out = join(scratch(), 'a');
      const { services, asked } = replaying();
      await ablate(out, BASE, services);
      const other = await ablate(out, [...BASE, '--batch', '64'], services);
      expect(other.code).toBe(2);
      expect(other.err).toMatch(/batch 32 instead of 64.*\[PT_ABLATION_OTHER\]/s);
      expect((await ablate(out, BASE, services)).code).toBe(0);
      expect(asked).toHaveLength(6);
      rmSync(join(out, 'all-seed1'), { recursive: true });
      mkdirSync(join(out, 'all-seed1'));
      await ablate(out, BASE, services);
      expect(asked).toHaveLength(7);
    },
  );

  test.each([
    [['--seeds', '1,x'], /--seeds 1,x/],
    [['--seeds', '1,1'], /different/],
    [['--cases', 'al'], /Did you mean "all"/],
    [['--target', 'high'], /--target high/],
  ])('%j is refused', async (flags, message) => {
    const { code, err } = await ablate(join(scratch(), 'a'), [...BASE, ...flags], replaying().services);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

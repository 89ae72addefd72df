// `pipetrain simulate` as people use it: text, JSON, errors.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../cli/program.js';
import { parseAlpha } from '../../cli/simulate/options.js';
import { textColumns } from '../../cli/text/text-columns.js';
import { scratch } from '../scratch.js';
import { fakeIo, fakeServices } from './fake-io.js';

async function simulate(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await runCli(['simulate', ...argv], io, fakeServices());
  return { code, out: io.stdout.text, err: io.stderr.text };
}

describe('pipetrain simulate', () => {
  it('simulates a model that grows: faster epochs first, and more layers later', async () => {
    const { out } = await simulate('--rules', 'pipetrain', '--grow', '0:6,3:12', '--freeze-max', '1', '--json');
    const { run } = JSON.parse(out) as { run: { epochs: { layers: number; stepMs: number }[] } };
    expect(run.epochs.map(({ layers }) => layers)).toEqual([6, 6, 6, ...Array.from({ length: 7 }, () => 12)]);
    expect(run.epochs[0]?.stepMs).toBeLessThan(0.7 * (run.epochs[3]?.stepMs ?? 0));
    expect((await simulate('--rules', 'pipetrain', '--grow', '0:6,3:10')).err).toContain('end with :12');
    expect((await simulate('--grow', '0:6,3:12')).err).toContain('--rules pipetrain');
  });

  it('compares both rules, says how much is the baseline, what is published and what is not modelled', async () => {
    const { code, out } = await simulate();
    expect(code).toBe(0);
    expect(out).toMatch(/^ViT-B\/16.* on 2 machines x 8 Quadro RTX 5000/);
    for (const text of [
      'no freezing (baseline)',
      "paper's rules, cache",
      'pipetrain, cache',
      'is only the baseline',
      'Published for these machines: 2.27x',
      'Not modelled:',
      'accuracy',
    ])
      expect(out).toContain(text);
    expect(out.split('\n').filter((line) => line.length > 132)).toEqual([]);
  });

  it('prints JSON with everything the text has', async () => {
    const { out } = await simulate('--json', '--alpha', '0.5', '--cache', 'off');
    const answer = JSON.parse(out) as {
      options: { alpha: number; hardware: { name: string } };
      variants: { name: string; run: { epochs: unknown[] } }[];
      weakBaseline: number;
      notModelled: string[];
    };
    expect(answer.options).toMatchObject({ alpha: 0.5, hardware: { name: 'paper' } });
    expect(answer.variants.map(({ name }) => name)).toHaveLength(4);
    expect(answer.variants[0]?.run.epochs).toHaveLength(10);
    expect(answer.notModelled.length).toBeGreaterThan(3);
  });

  it('sweeps over the alphas of the paper', async () => {
    const { out } = await simulate('--sweep');
    for (const row of [/1\/5 .* 2\.04x$/m, /1\/2 .* 3\.86x$/m]) expect(out).toMatch(row);
    expect((await simulate('--sweep', '--hardware', 'h100-8', '--epochs', '2')).out).not.toContain('published');
  });

  it('runs one set of rules with its reasons, on other machines', async () => {
    const { out } = await simulate('--rules', 'paper', '--machines', '4', '--devices-per-machine', '4');
    expect(out).toContain('4 machines x 4, else as paper');
    expect(out).toContain('the limit is 22.0');
    expect((await simulate('--rules', 'pipetrain', '--pipeline', '2')).out).toContain('K=2, R=8');
    const frozen = async (...argv: readonly string[]): Promise<number> =>
      (
        JSON.parse((await simulate('--rules', 'paper', '--json', ...argv)).out) as {
          run: { epochs: { frozenLayers: number }[] };
        }
      ).run.epochs.at(-1)?.frozenLayers ?? 0;
    expect([await frozen(), await frozen('--freeze-max', '5')]).toEqual([12, 5]);
  });

  it('draws and times a schedule', async () => {
    const { out } = await simulate('--schedule', 'interleaved', '--stages', '2', '--micro-batches', '2');
    expect(out).toContain('interleaved: 2 workers, 4 stages, 2 micro-batches');
    expect(out).toContain('  0F0 0F1 2F0 2F1 .   2B0 .   2B1 0B0 0B1');
    const data = JSON.parse((await simulate('--schedule', '1f1b', '--json')).out) as {
      peakLive: number[];
      bubble: number;
    };
    expect(data.peakLive).toEqual([4, 3, 2, 1]);
    // Stages are nearly equal: (K - 1) / (M + K - 1) = 27 %.
    expect(data.bubble).toBeCloseTo(3 / 11, 1);
  });

  it('takes a schedule from a file, and marks the cell that fails: order, deadlock, memory', async () => {
    const file = join(scratch(), 'mine.txt');
    const check = (text: string): ReturnType<typeof simulate> => {
      writeFileSync(file, text);
      return simulate('--schedule', file, '--micro-batch', '40');
    };
    expect((await check('# mine\n0F0 0F1 0B0 0B1\n1F0 1B0 1F1 1B1')).out).toContain(
      'mine.txt: 2 workers, 2 stages, 2 micro-batches',
    );
    expect(await check('0F0 0F1 0B1 0B0')).toMatchObject({ code: 2, err: expect.stringContaining('[0B1]') as string });
    expect((await check('0F0 0B0 0F1 0B1\n1F0 1F1 1B0 1B1')).err).toMatch(
      /stops: no stage can go on\n {2}0F0 +\[0B0\]/,
    );
    expect((await check('0F0 0F1 0B0 0B1')).err).toMatch(
      /with 0F1 it holds 199\d\d\.\d MB, the limit is 16200\.0 MB.*\n {2}0F0 +\[0F1\]/,
    );
    expect((await simulate('--schedule', 'zb')).err).toContain('neither a schedule nor a file');
  });

  it.each([
    [['--model', 'vit'], /there is no model "vit"/],
    [['--hardware', 'h100-9'], /no hardware profile "h100-9".*\[PT_SIMULATION\]\nhint: Did you mean "h100-8"/],
    [['--alpha', '1.5'], /--alpha is "1\.5"; it must be between 0 and 1/],
    [['--epochs', '0'], /--epochs is "0"; it must be a positive whole number/],
    [['--rules', 'mine'], /one of paper, pipetrain, both/],
    [['--micro-batch', '7'], /a divisor of the batch \(640\)/],
    [['--schedule', 'interleaved', '--micro-batches', '6'], /M=6 is not a multiple of K=4/],
    [['--micro-batch', '640', '--pipeline', '1'], /no pipeline fits/],
  ])('%j ends with 2 and says why', async (argv, message) => {
    const { code, err, out } = await simulate(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('has a help that fits 80 columns', async () => {
    const { code, out } = await simulate('--help');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    for (const option of ['--hardware', '--rules', '--alpha', '--sweep', '--schedule', '--json'])
      expect(out).toContain(option);
  });
});

it('an alpha is a number or a fraction', () => {
  expect(['1/3', '0.25', '.5', '2/5'].map(parseAlpha)).toEqual([1 / 3, 0.25, 0.5, 0.4]);
  for (const bad of ['0', '1', 'x', '1/0', '-1/3', '']) expect(() => parseAlpha(bad)).toThrow('--alpha');
});

it('columns of numbers stand right, others left, and nothing is wider than it may be', () => {
  expect(
    textColumns(
      [
        ['name', 'n'],
        ['a', '10'],
        ['bb', '7 ms'],
      ],
      80,
    ),
  ).toEqual(['name     n', 'a       10', 'bb    7 ms']);
  expect(
    textColumns(
      [
        ['name', 'n'],
        ['a', '10'],
      ],
      6,
    ),
  ).toEqual(['name …', 'a    …']);
});

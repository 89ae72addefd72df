// The tests that ship inside TensorFlow.js, on the eager backend: a part of `npm run conformance`, by the same command.
// And that command itself: what fails is seen to fail, and what passes for the wrong reason is not counted.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { opTable } from '../../engine/tensor/ops/table.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const script = join(root, 'scripts/conformance.mjs');

interface Events {
  readonly ops: Set<string>;
  readonly undefinedOps: Set<string>;
  readonly dtypes: Set<string>;
  readonly touched: Set<string>;
}
interface Verdict {
  readonly status: string;
  readonly reason?: string;
}
interface Jasmine {
  describe(name: string, define: () => void): void;
  it(name: string, test: () => unknown): void;
  expect(actual: unknown): { toBe(x: unknown): void; toThrowError(message?: RegExp): void };
}
interface Runner {
  install(): void;
  run(onSpec: (names: readonly string[]) => (failures: readonly string[] | null) => void): Promise<void>;
}

/** A module of the command, which has no types of its own. */
const part = async (name: string): Promise<unknown> =>
  import(new URL(`../../scripts/conformance/${name}.mjs`, import.meta.url).href);

// One file or two of every kind of op; the whole takes three times as long.
const SOME = [
  'ops/abs',
  'ops/arg_m',
  'ops/binary_ops',
  'ops/concat_test',
  'ops/cum',
  'ops/einsum',
  'ops/fused/fused_mat',
  'ops/gather',
  'ops/mat_mul',
  'ops/max_test',
  'ops/pad',
  'ops/relu',
  'ops/scatter',
  'ops/softmax',
  'ops/split',
  'ops/strided',
  'ops/sum',
  'ops/topk',
  'ops/transpose',
  'ops/where',
  'optimizers/adam_',
  'gradients_test',
];

it('the tests of TensorFlow.js pass on the eager backend', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--only', SOME.join()], { encoding: 'utf8' });
  expect(stdout + stderr).toMatch(/^\d+ passed, 0 failed, \d+ excluded$/m);
  expect(Number(/(\d+) passed/.exec(stdout)?.[1])).toBeGreaterThan(600);
  expect(status).toBe(0);
});

it('the command fails where nothing passes', () => {
  expect(spawnSync(process.execPath, [script, '--only', 'ops/no_such_test'], { encoding: 'utf8' }).status).toBe(1);
});

it('a wrong value, a missing error, another error and a rejected promise are failures', async () => {
  const { SpecRunner } = (await part('jasmine')) as { SpecRunner: new () => Runner };
  const runner = new SpecRunner();
  runner.install();
  const jasmine = globalThis as unknown as Jasmine;
  jasmine.describe('suite', () => {
    jasmine.it('right', () => jasmine.expect(1).toBe(1));
    jasmine.it('wrong value', () => jasmine.expect(1).toBe(2));
    jasmine.it('missing error', () => jasmine.expect(() => 1).toThrowError());
    jasmine.it('another error', () =>
      jasmine
        .expect(() => {
          throw new Error('this');
        })
        .toThrowError(/that/),
    );
    jasmine.it('rejected', () => Promise.reject(new Error('late')));
  });
  const failed: string[] = [];
  await runner.run((names) => (failures) => void (failures?.length === 0 || failed.push(names.join(' '))));
  expect(failed).toEqual(['suite wrong value', 'suite missing error', 'suite another error', 'suite rejected']);
});

it('a test counts as passed only for ops that exist and types that are supported', async () => {
  const { verdict } = (await part('verdict')) as {
    verdict: (file: string, names: string[], failures: string[] | null, events: Events, rules: object[]) => Verdict;
  };
  const judge = (failures: string[], events: Partial<Events>): Verdict =>
    verdict(
      'f',
      ['t'],
      failures,
      { ops: new Set(), undefinedOps: new Set(), dtypes: new Set(), touched: new Set(), ...events },
      [{ file: 'f', name: 'other' }],
    );
  expect(judge([], { ops: new Set(['Add']) }).status).toBe('passed');
  expect(judge(['no'], { ops: new Set(['Add']) }).status).toBe('failed');
  expect(judge(['no'], {}).status).toBe('failed');
  expect(judge([], { ops: new Set(['Add']), undefinedOps: new Set(['Conv2D']) })).toMatchObject({
    status: 'excluded',
    reason: expect.stringContaining('Conv2D') as string,
  });
  expect(judge([], { touched: new Set(['write']), dtypes: new Set(['string']) }).status).toBe('excluded');
  expect(judge([], {}).status).toBe('excluded');
});

it(
  'docs/conformance.md has a row for every op of the table, and nothing failed in it (npm run conformance ' +
    'writes it)',
  () => {
    const rows = readFileSync(join(root, 'docs/conformance.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => /`(.+?)`/.exec(row)?.[1])).toEqual(
      [...opTable.keys()].filter((op) => !op.startsWith('Pt')).sort(),
    );
    expect(rows.filter((row) => row.split('|')[4]?.trim() !== '0')).toEqual([]);
  },
);

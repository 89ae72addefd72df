// A run folder from elsewhere: the program that it names is not run before the user says so, and no place that it names
// is used. Real commands, each as the user that its cache folder makes it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifestText, readManifest } from '../../engine/checkpoint/manifest.js';
import { scratch } from '../scratch.js';
import { MAIN } from './train-command.js';

const STEP = 'step-00000002';
let folder = '';
let model = '';
let marker = '';
let run = '';

/** Runs a command as somebody who keeps things in `user`. */
function as(user: string, ...args: readonly string[]): { readonly code: number | null; readonly err: string } {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], XDG_CACHE_HOME: join(folder, user) },
    encoding: 'utf8',
  });
  return { code: status, err: stderr };
}
const TRAIN =
  'train --data synthetic:digits --data-options samples=100 --devices cpu:1 --batch 16 --micro-batch 2 --steps 2 ' +
  '--eval-every never --model-options width=8';
const hasRun = (): boolean => {
  const was = existsSync(marker);
  rmSync(marker, { force: true });
  return was;
};

beforeAll(() => {
  folder = scratch();
  [model, marker, run] = [join(folder, 'model.mjs'), join(folder, 'marker'), join(folder, 'run')];
  // The built-in model, and a trace of having been run.
  writeFileSync(
    model,
    `import { defineModel, tf } from 'pipetrain';
     import { z } from 'zod';
     import { writeFileSync } from 'node:fs';
     writeFileSync(${JSON.stringify(marker)}, '');
     export const model = defineModel({
       name: 'planted', summary: 'a test', defaults: {},
       options: z.strictObject({ width: z.number() }),
       build: (options, data) => ({
         name: 'planted',
         blocks: [{
           name: 'only', kind: 'head', layer: null,
           params: { w: { shape: [256, data.classes], init: { kind: 'normal', std: 0.02 }, decay: true } },
           forward: (x, p, c) => tf.matMul(tf.reshape(c.field('image'), [-1, 256]), p.w),
         }],
         loss: (y, c) => tf.sum(tf.square(y), 1), score: null, metric: { name: 'loss', higherIsBetter: false },
       }),
     });`,
  );
  const { code, err } = as('author', ...TRAIN.split(' '), '--model', model, '--out', run);
  if (code !== 0) throw new Error(err);
  expect(hasRun()).toBe(true);
  // As it would be had it been interrupted: of a finished run nothing is left to resume.
  const events = join(run, 'events.jsonl');
  const lines = readFileSync(events, 'utf8').trimEnd().split('\n');
  writeFileSync(events, `${lines.filter((line) => !line.includes('"run.finished"')).join('\n')}\n`);
});

describe('a model file that a run folder names', () => {
  it('is not run for somebody who did not start the run', () => {
    for (const command of ['resume', 'eval']) {
      const { code, err } = as('guest', command, run);
      expect([code, hasRun()]).toEqual([2, false]);
      expect(err).toMatch(
        /names the model file .*model\.mjs \(SHA-256 [0-9a-f]{16}\), which is a program.*\[PT_MODEL_UNTRUSTED\]/,
      );
      expect(err).toContain(`name it: pipetrain ${command} ${run} --model ${model}`);
    }
  });

  it('is run for who started the run, and for who names it', () => {
    expect([as('author', 'eval', run).code, hasRun()]).toEqual([0, true]);
    expect([as('guest', 'eval', run, '--model', model).code, hasRun()]).toEqual([0, true]);
  });

  it('is not run where somebody else wrote the checkpoint anew, places and all', () => {
    const planted = join(folder, 'planted');
    cpSync(run, planted, { recursive: true });
    const at = join(planted, 'checkpoints', STEP);
    const { format: _format, digest: _digest, seal: _seal, ...manifest } = readManifest(at);
    const config = { ...manifest.config, memoryDir: '/nowhere', listen: '0.0.0.0:7000', programCache: '/planted' };
    writeFileSync(join(at, 'checkpoint.json'), manifestText({ ...manifest, config }, null));
    const { code, err } = as('author', 'resume', planted);
    expect([code, hasRun()]).toEqual([2, false]);
    expect(err).toContain('[PT_MODEL_UNTRUSTED]');
    expect(err).toContain('(--listen 0.0.0.0:7000, --memory-dir /nowhere, --program-cache /planted)');
  });

  it('is not run after it changed, by whomever', () => {
    const before = readFileSync(model, 'utf8');
    writeFileSync(model, `${before}\n// other`);
    const { code, err } = as('author', 'resume', run);
    writeFileSync(model, before);
    expect([code, hasRun()]).toEqual([3, false]);
    expect(err).toMatch(/\(model\.mjs changed\).*\[PT_MODEL_CHANGED\]/);
    expect(createHash('sha256').update(readFileSync(model)).digest('hex')).toBe(
      readManifest(join(run, 'checkpoints', STEP)).model.files.find(({ file }) => file === '.')?.sha256,
    );
  });

  it('is not run because the configuration of the run is trained with', () => {
    const { code, err } = as('author', 'train', join(run, 'config.resolved.yaml'), '--out', join(folder, 'again'));
    expect([code, hasRun()]).toEqual([2, false]);
    expect(err).toContain('[PT_MODEL_UNTRUSTED]');
  });
});

// The command line as people use it, in this process: help, faults of use, and what a machine has.
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../cli/program.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import { cli, TRAIN } from './command-line.js';
import { fakeIo, fakeOutput, fakeServices } from './fake-io.js';

describe('usage', () => {
  test('--help and --version end with 0', async () => {
    const help = await cli(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['quickstart', 'train', 'eval', 'report', 'compare', 'verify', 'export', 'devices', 'doctor'])
      expect(help.out).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(await cli(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });

  test('help and version in words are those of the switches', async () => {
    expect((await cli(['help'])).out).toBe((await cli(['--help'])).out);
    expect((await cli(['help', 'train'])).out).toBe((await cli(['train', '--help'])).out);
    expect((await cli(['version'])).out).toBe((await cli(['--version'])).out);
    expect(await cli(['help', 'trian'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Did you mean "train"?') as string,
    });
  });

  test('the help of train has every setting with its default, and fits 80 columns', async () => {
    const { out, code } = await cli(['train', '--help']);
    expect(code).toBe(0);
    for (const name of Object.keys(trainConfigSchema.shape))
      expect(out).toContain(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    expect(out.replace(/\s+/g, ' ')).toContain('samples per step, over all replicas (default 64)');
    // The examples are meant to be copied whole.
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test.each([
    [['trian'], /unknown command 'trian'/, /train/],
    [['train', '--bach', '3'], /unknown option '--bach'/, /--batch/],
    [['train', '--learning-rate', '1e-3'], /unknown option '--learning-rate'/, /^Did you mean --lr\?/],
    [['train', '--num_train_epochs', '3'], /unknown option/, /^Did you mean --epochs\?/],
    [['train', '--gpus', '2'], /unknown option '--gpus'/, /^Did you mean --devices\?/],
    [['train', '--dropout=0.2'], /unknown option '--dropout/, /^Did you mean --model-options dropout=0\.1\?/],
    [['train', '--resume', 'run'], /unknown option '--resume'/, /^Did you mean `pipetrain resume RUN`\?/],
    [['resume', 'run', '--batch', '4'], /unknown option '--batch'/, /pipetrain train --batch \.\.\. --init-from RUN/],
    [['resume', 'run', '--learning-rate', '1'], /unknown option/, /pipetrain train --lr \.\.\. --init-from RUN/],
    [['resume', 'run', '--kep', '4'], /unknown option '--kep'/, /--keep/],
    [['train', '--batch'], /--batch <n>.*argument missing/, /./],
    [['train', '--exact', '--fast'], /cannot be used with/, /./],
    [['compare', 'a'], /missing required argument 'b'/, /./],
    [['train', '--model', 'gpt'], /data must be given/, /--data/],
    [[...TRAIN, '--batch', '8', '--batch', '16'], /says both --batch 8 and --batch 16/, /Say one/],
    [[...TRAIN, '--verify-cache', '--no-verify-cache'], /says both --verify-cache and --no-verify-cache/, /Say one/],
    [[...TRAIN, '--token-file', 'x'], /--token-file has no effect: nobody can join without --listen/, /Leave it out/],
    [[...TRAIN, '--print-config', '--json'], /cannot be used with/, /./],
    [['simulate', '--chunks', '3'], /--chunks has no effect: no --schedule is drawn/, /./],
    [['simulate', '--cache', 'off', '--cache-gb', '3'], /--cache-gb has no effect: the cache is off/, /./],
    [['status', 'runs', '--tls-ca', 'x'], /--tls-ca has no effect: a run folder says how/, /./],
    [['worker', '--join', 'ws://h:1', '--tls-ca', 'x'], /--tls-ca has no effect: ws:\/\/ is no TLS/, /./],
  ])('%j ends with 2, an error and a hint', async (argv, message, hint) => {
    const { code, err, out } = await cli(argv);
    expect([code, out]).toEqual([2, '']);
    const [first = '', second = ''] = err.split('\nhint: ');
    expect(first).toMatch(/^error: .* \[PT_[A-Z_]+\]$/s);
    expect(first).toMatch(message);
    expect(second).toMatch(hint);
  });

  test('the same flag twice with the same value is no fault', async () => {
    expect((await cli([...TRAIN, '--batch', '48', '--batch', '48', '--print-config'])).code).toBe(0);
  });

  test('an error fits a terminal, and is one line for a file or a pipe', async () => {
    const argv = [...TRAIN, '--freeze-schedule', '10:1'];
    const io = { ...fakeIo(), stderr: fakeOutput({ isTerminal: true, columns: 50 }) };
    await runCli(argv, io, fakeServices());
    const shown = io.stderr.text.split('\n');
    expect(shown.filter((line) => line.length >= 50)).toEqual([]);
    expect(shown.slice(1, -1).filter((line) => !/^( {2}|hint: )/.test(line))).toEqual([]);
    const { err } = await cli(argv);
    expect(err.split('\n')).toHaveLength(3);
    expect(io.stderr.text.replace(/\s+/g, ' ')).toBe(err.replace(/\s+/g, ' '));
  });

  test('no command prints the help and ends with 2', async () => {
    const { code, err } = await cli([]);
    expect(code).toBe(2);
    expect(err).toContain('Usage: pipetrain');
  });

  test('--print-config prints the configuration and starts nothing', async () => {
    let hasTrained = false;
    const { code, out } = await cli([...TRAIN, '--print-config', '--batch', '48', '--fast'], {
      runTraining: () => Promise.resolve(void (hasTrained = true)),
    });
    expect([code, hasTrained]).toEqual([0, false]);
    expect(out).toMatch(/^batch: 48 +# from flag --batch$/m);
    expect(parse(out)).toMatchObject({ model: 'gpt', exact: false, epochs: 3 });
  });
});

describe('devices and doctor', () => {
  test('devices names what --devices takes, and says why the rest cannot be used', async () => {
    expect(await cli(['devices'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        new RegExp(
          '^devices +usable .*\\ncpu:1( to cpu:\\d+)? +yes +ONNX Runtime.*\\n[^]*ort-cuda:N +(yes|no) ' +
            '[^]*\\ntfjs-cpu:N +yes .*[^]*tfjs-node:N +(yes|no) ',
        ),
      ) as string,
    });
  });

  test('doctor checks each thing on a line of its own', async () => {
    const { out } = await cli(['doctor']);
    for (const name of ['Node', 'cores', 'memory', 'shared memory', 'ONNX Runtime', 'GPUs'])
      expect(out).toMatch(new RegExp(`^(ok     |problem)  ${name} `, 'm'));
  });
});

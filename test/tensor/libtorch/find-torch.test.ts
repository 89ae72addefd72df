// Finding PyTorch: which folder is taken, which version it has, and what is said where there is none. The folders are
// made up; nothing of them is run.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { askPython } from '../../../engine/tensor/libtorch/ask-python.js';
import { findTorch, type TorchHost } from '../../../engine/tensor/libtorch/find-torch.js';
import { errorOf } from '../../error-of.js';
import { scratch, scratchWith } from '../../scratch.js';

const LIBRARY = process.platform === 'darwin' ? 'lib/libtorch_cpu.dylib' : 'lib/libtorch_cpu.so';
const PACKAGES = 'lib/python3.12/site-packages';

/** A folder with a made-up torch of that version below `below`. */
const withTorch = (version: string, below = `${PACKAGES}/torch`): string =>
  scratchWith({ [join(below, LIBRARY)]: '', [join(below, 'version.py')]: `__version__ = '${version}'\n` });

const host = (env: TorchHost['env'], python: ReturnType<TorchHost['askPython']> = { reason: 'it has no torch' }) => ({
  env,
  askPython: () => python,
});

describe('a torch', () => {
  it.each([['torch'], ['.'], [`${PACKAGES}/torch`]])(
    'is found by PIPETRAIN_TORCH when it lies in %s of it',
    (below) => {
      const root = withTorch('2.11.0+cu130', below);
      expect(findTorch(host({ PIPETRAIN_TORCH: root, VIRTUAL_ENV: withTorch('2.12.0') }))).toEqual({
        folder: join(root, below),
        version: '2.11.0+cu130',
        from: 'PIPETRAIN_TORCH',
      });
    },
  );

  it('is found in the active environment, then by the python on the path', () => {
    const [virtual, conda, python] = [withTorch('2.10.0'), withTorch('2.11.0'), withTorch('2.12.0', 'torch')];
    const answer = { folder: join(python, 'torch') };
    const from = (env: TorchHost['env']): string => findTorch(host(env, answer)).from;
    expect(from({ VIRTUAL_ENV: virtual, CONDA_PREFIX: conda })).toBe('VIRTUAL_ENV');
    expect(from({ VIRTUAL_ENV: scratch(), CONDA_PREFIX: conda })).toBe('CONDA_PREFIX');
    expect(from({ PIPETRAIN_TORCH: '', VIRTUAL_ENV: '' })).toBe('python3');
  });

  it('is not looked for with python where an environment has one', () => {
    const asks = { env: { VIRTUAL_ENV: withTorch('2.10.0') }, askPython: () => expect.fail('python was asked') };
    expect(findTorch(asks).version).toBe('2.10.0');
  });

  it('tells its version by what pip wrote down, where its own file says nothing', () => {
    const root = scratchWith({
      [join('torch', LIBRARY)]: '',
      'torch-2.13.1.dist-info/METADATA': 'Metadata-Version: 2.4\nName: torch\nVersion: 2.13.1\n',
    });
    expect(findTorch(host({ PIPETRAIN_TORCH: root })).version).toBe('2.13.1');
  });

  it.each(['2.10.0a0+git1234', '2.100.0', '3.0.0'])('of version %s is new enough', (version) => {
    expect(findTorch(host({ PIPETRAIN_TORCH: withTorch(version) })).version).toBe(version);
  });
});

describe('what is refused', () => {
  test.each(['2.9.1+cu128', '1.13.1'])('%s, with both numbers, whatever else there is', (version) => {
    const old = withTorch(version);
    const error = errorOf(() => findTorch(host({ VIRTUAL_ENV: old, CONDA_PREFIX: withTorch('2.11.0') })));
    expect(error.code).toBe('PT_DEVICES');
    expect(error.message).toBe(
      `the PyTorch of VIRTUAL_ENV (${join(old, PACKAGES, 'torch')}) is ${version}; at least 2.10 is needed`,
    );
    expect(error.hint).toBe(`Run: ${join(old, 'bin/python')} -m pip install --upgrade torch.`);
  });

  test('a PIPETRAIN_TORCH without a torch, although there is one elsewhere', () => {
    const empty = scratch();
    const error = errorOf(() => findTorch(host({ PIPETRAIN_TORCH: empty, VIRTUAL_ENV: withTorch('2.11.0') })));
    expect(error).toMatchObject({ code: 'PT_DEVICES', message: expect.stringContaining(empty) as string });
    expect(error.hint).toContain('unset PIPETRAIN_TORCH');
  });

  test('a torch that does not tell its version', () => {
    const root = scratchWith({ [join('torch', LIBRARY)]: '', 'torch/version.py': '__version__ = read_version()\n' });
    expect(errorOf(() => findTorch(host({ PIPETRAIN_TORCH: root }))).message).toContain('does not tell its version');
  });

  test('nothing anywhere, naming all that was looked at, and one command', () => {
    const [virtual, conda] = [scratch(), scratch()];
    const error = errorOf(() => findTorch(host({ VIRTUAL_ENV: virtual, CONDA_PREFIX: conda })));
    expect(error.message).toBe(
      `PyTorch is not found. Looked at: VIRTUAL_ENV (${virtual}): it has no torch; ` +
        `CONDA_PREFIX (${conda}): it has no torch; python3: it has no torch`,
    );
    expect(error.hint).toMatch(/^Run: python3 -m venv /);
  });

  test('a folder named by python that holds no libraries', () => {
    const folder = scratch();
    expect(errorOf(() => findTorch(host({}, { folder }))).message).toContain(`python3: ${folder} has no lib/`);
  });
});

/** A program that stands in for python. */
function standIn(script: string): string {
  const file = join(scratch(), 'python3');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe('python', () => {
  it('is believed where it names a folder, whatever it prints besides', () => {
    expect(askPython(standIn('echo hello; echo "torch lies in: /somewhere/torch"; echo bye'))).toEqual({
      folder: '/somewhere/torch',
    });
  });

  it.each([
    ['prints rubbish', 'echo /somewhere/torch', 'it says something else than where torch lies'],
    ['names no absolute path', 'echo "torch lies in: torch"', 'it says something else than where torch lies'],
    ['prints without end', 'yes', 'it says something else than where torch lies'],
    ['has no torch', 'echo "torch lies in: "', 'it has no torch'],
    ['fails', 'exit 3', 'it ended with code 3'],
    ['kills itself', 'kill -9 $$', 'it was killed by SIGKILL'],
  ])('that %s is no answer', (_, script, reason) => {
    expect(askPython(standIn(script))).toEqual({ reason });
  });

  it('that hangs is not waited for, also where a child of it goes on', () => {
    // `exec` is left out: the shell has a child that outlives it and holds its output open.
    expect(askPython(standIn('sleep 3; echo never'), 100)).toEqual({ reason: 'it did not answer within 0.1 s' });
  });

  it('that is missing is said', () => {
    expect(askPython(join(scratch(), 'python3'))).toEqual({ reason: 'there is none on the path' });
  });
});

// Where a command gets the token of a run from, and where it must not be seen.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../cli/program.js';
import type { CliServices } from '../../cli/session/services.js';
import { entranceOf } from '../../engine/protocol/entrance.js';
import { scratch } from '../scratch.js';
import { fakeIo, fakeServices } from './fake-io.js';

const SECRET = 'a token that somebody chose';

function tokenFile(content = `${SECRET}\n`, mode = 0o600): string {
  const path = join(scratch(), 'token');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** What a worker joins with. */
async function joined(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ readonly token: string | null; readonly code: number; readonly err: string }> {
  let token: string | null = null;
  const io = fakeIo(env);
  const runWorkers: CliServices['runWorkers'] = (options) => {
    token = options.run.token;
    return Promise.resolve();
  };
  const code = await runCli(['worker', '--join', 'ws://127.0.0.1:7000', ...args], io, {
    ...fakeServices(),
    runWorkers,
  });
  return { token, code, err: io.stderr.text };
}

describe('a token', () => {
  it('comes from a file of this user, without the end of its line', async () => {
    expect(await joined(['--token-file', tokenFile()])).toEqual({ token: SECRET, code: 0, err: '' });
    expect(await joined(['--token-file', tokenFile(SECRET, 0o400)])).toMatchObject({ token: SECRET });
    expect(await joined(['--token-file', tokenFile(`${SECRET}\r\n`)])).toMatchObject({ token: SECRET });
  });

  it('comes from the environment, and before that from what the command names', async () => {
    const env = { PIPETRAIN_TOKEN: 'of the environment' };
    expect(await joined([], env)).toEqual({ token: 'of the environment', code: 0, err: '' });
    expect(await joined(['--token-file', tokenFile()], env)).toMatchObject({ token: SECRET });
  });

  it('may stand on the command line, which says who sees it', async () => {
    const { token, err } = await joined(['--token', SECRET]);
    expect(token).toBe(SECRET);
    expect(err).toMatch(/^warning: other users of this host can see what --token says; /);
    expect(err).not.toContain(SECRET);
  });

  it.each([0o640, 0o604, 0o660, 0o666, 0o610])('is not taken from a file with mode %o', async (mode) => {
    const { token, code, err } = await joined(['--token-file', tokenFile(SECRET, mode)]);
    expect(token).toBeNull();
    expect(code).toBe(2);
    expect(err).toContain(`can be read by others (mode ${mode.toString(8)}) [PT_TOKEN_FILE]`);
    expect(err).not.toContain(SECRET);
  });

  it('is not taken from what is no file with a token', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'folder'), { mode: 0o700 });
    spawnSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
    const unread = ['\n\n', `${SECRET}\n${SECRET}`, `${SECRET}\u001b[31m`, `${SECRET}\u0000x`].map((text) =>
      tokenFile(text),
    );
    const wrong = [join(folder, 'folder'), join(folder, 'pipe'), join(folder, 'none'), ...unread];
    for (const path of [...wrong, tokenFile('x'.repeat(5000)), '/dev/zero'])
      expect((await joined(['--token-file', path])).err).toContain('[PT_TOKEN_FILE]');
    expect((await joined(['--token-file', tokenFile(), '--token', SECRET])).err).toContain('[PT_USAGE]');
    for (const env of [{}, { PIPETRAIN_TOKEN: '' }]) expect((await joined([], env)).err).toContain('[PT_TOKEN]');
  });
});

describe('an address', () => {
  it('without a scheme is told apart from a run folder', async () => {
    for (const address of ['127.0.0.1:7011', '[::1]:7011', 'host.example:7011']) {
      const io = fakeIo();
      expect(await runCli(['status', address], io, fakeServices())).toBe(2);
      expect(io.stderr.text).toContain(`Write ws://${address}, or wss://${address} where`);
    }
  });

  it('is believed by a fingerprint as openssl prints it', async () => {
    const pairs = Array<string>(32).fill('C3').join(':');
    for (const text of [pairs, `sha256 Fingerprint=${pairs}`, `SHA256 Fingerprint=${pairs}`]) {
      let trust: unknown;
      const runWorkers: CliServices['runWorkers'] = ({ run }) => Promise.resolve(void (trust = run.trust));
      const args = ['worker', '--join', 'wss://127.0.0.1:7000', '--tls-fingerprint', text];
      await runCli(args, fakeIo({ PIPETRAIN_TOKEN: SECRET }), { ...fakeServices(), runWorkers });
      expect(trust).toEqual({ fingerprint: pairs });
    }
    expect((await joined(['--token-file', tokenFile(), '--tls-fingerprint', 'sha1 Fingerprint=C3'])).code).toBe(2);
  });
});

describe('a run that others may join', () => {
  async function opened(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const io = fakeIo(env);
    const services = fakeServices((_, host) => {
      const token = host.token ?? 'made-here';
      host.onOpen?.(entranceOf('ws://127.0.0.1:7000', { token, local: null, fingerprint: null }));
      return Promise.resolve();
    });
    const train = ['train', '--model', 'gpt', '--data', 'text:x', '--out', join(scratch(), 'run')];
    await runCli([...train, '--listen', '127.0.0.1:7000', ...args], io, services);
    return io.stderr.text;
  }

  it('tells the token that was made for it, in no argument of a command', async () => {
    for (const env of [{}, { PIPETRAIN_TOKEN: '' }])
      expect(await opened([], env)).toContain(
        `  PIPETRAIN_TOKEN=made-here pipetrain worker --join ws://127.0.0.1:7000 --data text:${resolve('x')}\n`,
      );
  });

  it('does not tell one that it was given', async () => {
    const text = await opened(['--token-file', tokenFile()]);
    expect(text).toContain('pipetrain worker --join ws://127.0.0.1:7000 --token-file');
    expect(text).not.toContain(SECRET);
  });
});

// The examples of every --help, typed one after the other in an empty folder: each is understood, and none needs a file
// that is not there. The engine is a stand-in, which plays a run; what only it can answer is known by its name.
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../cli/program.js';
import { scratch } from '../scratch.js';
import { cli, replay } from './command-line.js';
import { fakeIo, fakeServices } from './fake-io.js';

/** What the stand-in says where a command has come to the engine. */
const REACHED = /no (preview|workers|weights|run) here|PT_NO_SIGNALS/;

/** The lines of the examples of a command; one that ends in a backslash goes on in the next. */
function examplesIn(help: string): string[] {
  const [, block = ''] = /\nExamples[^:]*:\n([^]*)$/.exec(help) ?? [];
  return block
    .replaceAll('\\\n', '')
    .split('\n')
    .filter((line) => line.startsWith('  '))
    .map((line) => line.trim().replace(/ +/g, ' '));
}

const help = async (command: string): Promise<string> => (await cli([command, '--help'])).out;
const home = process.cwd();
beforeEach(() => {
  process.chdir(scratch());
});
afterEach(() => {
  process.chdir(home);
});

describe('the examples of --help', () => {
  test.each(
    'train resume worker status eval report trace compare verify export plan simulate ablate freeze-replay'.split(' '),
  )('%s', async (command) => {
    const lines = examplesIn(await help(command));
    expect(lines.some((line) => line.startsWith(`pipetrain ${command}`))).toBe(true);
    for (const line of lines) {
      if (!line.startsWith('pipetrain ')) {
        execFileSync('sh', ['-c', line]);
        continue;
      }
      const io = fakeIo();
      const code = await runCli(line.split(' ').slice(1), io, {
        ...fakeServices(replay),
        exportWeights: () =>
          Promise.resolve({ tensors: 1, bytes: 4, checkpoint: 'c', step: 1, dtype: 'f32', weightsSha256: 'ab' }),
      });
      if (code !== 0) expect(io.stderr.text, line).toMatch(REACHED);
    }
  });

  test('stand with every command that needs more than its name', async () => {
    const commands = [...(await cli(['--help'])).out.matchAll(/^ {2}([a-z-]+) .*[<[]/gm)].map(([, name = '']) => name);
    expect(commands).toContain('train');
    for (const name of commands.filter((one) => one !== 'help' && one !== 'quickstart'))
      expect(examplesIn(await help(name)), name).not.toEqual([]);
  });
});

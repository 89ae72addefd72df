// A command whose folder MOUNT is a file system in memory of a few kilobytes, in a mount namespace of its own: it goes
// when the command does. It can be filled and emptied from outside while the command runs.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { RunEvent } from '../../engine/events/events.js';
import { scratch } from '../scratch.js';
import { refuseWhileCollecting } from '../test-phase.js';
import { MAIN } from './train-command.js';

const inNamespace = (script: string, args: readonly string[]): [string, string[]] => [
  'unshare',
  ['-rm', 'sh', '-c', script, 'sh', ...args],
];

/** Whether this machine lets a process have mounts of its own. */
export const canMount =
  process.platform === 'linux' &&
  spawnSync(...inNamespace('mount -t tmpfs -o size=64k tmpfs "$1"', [tmpdir()])).status === 0;

export interface SmallDisk {
  /** Leaves no byte free. */
  fill(): void;
  /** Gives back what `fill` took. */
  empty(): void;
  /** The text of a file on it. */
  read(name: string): string;
}

export interface SmallRun {
  readonly code: number | null;
  readonly errors: string;
  readonly events: readonly RunEvent[];
}

/**
 * Runs the command with `--json`. `argsOf` is given the folder that is small; `kilobytes` is all it holds, in at most
 * `files` files and folders.
 */
export async function runOnSmallDisk(
  kilobytes: number,
  argsOf: (folder: string) => readonly string[],
  onEvent: (event: RunEvent, disk: SmallDisk) => void,
  files = 10_000,
): Promise<SmallRun> {
  refuseWhileCollecting('runOnSmallDisk');
  const folder = scratch();
  const script = `mount -t tmpfs -o size=${kilobytes}k,nr_inodes=${files} tmpfs "$1" && shift && exec "$@"`;
  const child = spawn(...inNamespace(script, [folder, process.execPath, MAIN, ...argsOf(folder), '--json']), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const filler = `/proc/${child.pid}/root${folder}/filler`;
  const disk: SmallDisk = {
    fill: () => {
      const file = openSync(filler, 'w');
      try {
        for (const size of [4096, 1]) for (;;) if (!tryWrite(file, size)) break;
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler, { force: true }),
    read: (name) => readFileSync(`/proc/${child.pid}/root${folder}/${name}`, 'utf8'),
  };
  const events: RunEvent[] = [];
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const event = JSON.parse(line) as RunEvent;
    events.push(event);
    onEvent(event, disk);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, errors, events };
}

function tryWrite(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size)) === size;
  } catch {
    return false;
  }
}

// A run whose every port is besieged from this host by connections without the token: its own workers come in, work,
// and are replaced, and the result is that of a run that nobody disturbed. The flood is another process.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { hashesOf, trainRun } from '../trainer/train-run.js';

const FLOOD = fileURLToPath(new URL('../../scripts/soak/flood.mjs', import.meta.url));
const LONG: Partial<TrainConfigInput> = { steps: 100_000, lr: '1e-3', devices: 'cpu:2', pipeline: 2, replicas: 1 };

const floods: ChildProcess[] = [];
afterEach(() => {
  for (const flood of floods.splice(0)) flood.kill('SIGKILL');
});

/** The ports at which a process listens. */
function portsOf(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '';
      } catch {
        return ''; // closed meanwhile
      }
    }),
  );
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      return state === '0A' && inodes.has(inode) ? [parseInt(local.split(':')[1] ?? '', 16)] : [];
    });
}

interface Siege {
  readonly add: (ports: readonly number[]) => void;
  /** Connections that were opened, by port. */
  readonly end: () => Promise<number[]>;
}

function besiege(): Siege {
  const child = spawn(process.execPath, [FLOOD, '--held', '500', '--rate', '500'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  floods.push(child);
  const told = new Promise<number[]>((resolve) =>
    createInterface({ input: child.stdout }).once('line', (line) =>
      resolve((JSON.parse(line) as { readonly opened: number }[]).map(({ opened }) => opened)),
    ),
  );
  return {
    add: (ports) => ports.forEach((port) => child.stdin.write(`${port}\n`)),
    end: () => {
      child.stdin.end();
      return told;
    },
  };
}

describe.runIf(process.platform === 'linux')('a run under a flood of strangers at every port', () => {
  it.each([
    ['that share memory', {}],
    ['that share none', { transport: 'socket' }],
  ] as const)('of workers %s goes on, replaces a lost worker and has the bits of another', async (_, changes) => {
    const stop = new AbortController();
    const siege = besiege();
    const pids: number[] = [];
    let restored = Infinity;
    const run = await trainRun(
      { ...LONG, ...changes },
      (event) => {
        if (event.type === 'worker.joined') {
          pids.push(event.pid);
          siege.add(portsOf(event.pid));
        }
        if (event.type === 'step' && event.step === 15 && pids.length === 2) process.kill(pids[0] as number, 'SIGKILL');
        if (event.type === 'recovered') restored = event.step;
        if (event.type === 'step' && event.step > restored + 15) stop.abort();
      },
      stop.signal,
      { onOpen: () => siege.add(portsOf(process.pid)) },
    );
    const numOpened = await siege.end();
    expect(numOpened).toHaveLength(4); // the coordinator, two workers, and the one that came for the lost one
    expect(Math.min(...numOpened)).toBeGreaterThanOrEqual(500);
    expect(run.of('recovered')).toMatchObject([{ lost: ['w0'], workers: 2 }]);
    // Somebody who knocks a thousand times is not told of a thousand times.
    expect(run.of('peer.dropped').length).toBeLessThan(200);
    expect(hashesOf(run)).toEqual(
      hashesOf(await trainRun({ ...LONG, devices: 'cpu:1', pipeline: 1, steps: run.finished.steps })),
    );
  });
});

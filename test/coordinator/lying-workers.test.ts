// Workers that join a run and report nonsense: each is cut off alone and does not come back, the run goes on, and its
// result is that of a run that nobody joined.
import { describe, expect, it } from 'vitest';
import type { Message } from '../../engine/comm/frame.js';
import type { RunEventBody } from '../../engine/events/events.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { hashesOf, trainRun } from '../trainer/train-run.js';
import { joinAsLiar, type Lie } from './lying-guest.js';

/** Changes the reports of a step, and leaves the others as they are. */
const inSteps =
  (change: (report: Message) => Message | null): Lie =>
  (report) =>
    report.type === 'step-ready' ? change(report) : report;

/** What the run says of each, and how. */
const LIES: Readonly<Record<string, { readonly lie: Lie; readonly reason: RegExp }>> = {
  'too many losses': {
    lie: inSteps((report) => ({ ...report, losses: Array.from({ length: 50 }, (_, micro) => ({ micro, loss: 1 })) })),
    reason: /it reported 50 losses, it has 8 micro-batches/,
  },
  'squares of a block far out': {
    lie: inSteps((report) => ({ ...report, squares: [{ block: 4e9, fromChunk: 0, values: [1] }] })),
    reason: /it reported .*sums of squares of/,
  },
  'a loss that is not finite': {
    lie: inSteps((report) => ({
      ...report,
      losses: (report['losses'] as { micro: number }[]).map(({ micro }) => ({ micro, loss: NaN })),
      squares: (report['squares'] as { values: number[] }[]).map((part) => ({
        ...part,
        values: part.values.map(() => NaN),
      })),
    })),
    reason: /joined, and reports losses or gradients that are not finite/,
  },
  'stuck at every step': {
    lie: inSteps(() => ({ type: 'stuck', message: 'I do not like w0', about: null })),
    reason: /has to go: worker \w+ cannot go on: I do not like w0/,
  },
  'pings but no step': {
    lie: inSteps(() => null),
    reason: /did not report "step-ready" within 6 s, though it answers and waits for nobody else/,
  },
};

describe('a worker that joins and lies', () => {
  it('is cut off alone and not let in again, however it lies; no bit of the result changes', async () => {
    const stop = new AbortController();
    const ends: string[] = [];
    const visits: Promise<void>[] = [];
    const losses: string[] = [];
    const told = new Map<string, string>();
    const visit = async (entrance: Entrance): Promise<void> => {
      for (const [name, { lie }] of Object.entries(LIES)) {
        const before = losses.length;
        ends.push(String(await joinAsLiar(entrance, name, lie)));
        told.set(name, losses.slice(before).join('\n'));
      }
      // The first one once more: it is known.
      ends.push(String(await joinAsLiar(entrance, 'too many losses', (report) => report)));
    };
    const onEvent = (event: RunEventBody): void => {
      if (event.type === 'worker.lost') losses.push(event.reason);
    };
    const settings = { steps: 1_000_000, lr: '1e-3', devices: 'cpu:1', replicas: 1 } as const;
    const run = await trainRun({ ...settings, stepTimeoutSeconds: 6 }, onEvent, stop.signal, {
      onOpen: (entrance) => void visits.push(visit(entrance).finally(() => stop.abort())),
    });
    await Promise.all(visits);
    for (const [name, { reason }] of Object.entries(LIES)) expect(told.get(name), name).toMatch(reason);
    expect(losses).toHaveLength(Object.keys(LIES).length);
    expect(run.of('recovered').every(({ lost }) => !lost.includes('w0'))).toBe(true);
    expect(run.of('worker.joined')).toHaveLength(1 + Object.keys(LIES).length);
    expect(hashesOf(run)).toEqual(hashesOf(await trainRun({ ...settings, steps: run.finished.steps })));
  }, 120_000);
});

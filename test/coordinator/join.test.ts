// Workers that come and go while a run goes on, as real processes: the result is the one of a run whose workers never
// changed.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import type { HostMaterial, JoinedRun } from '../../engine/worker/worker-agent.js';
import { hashesOf, shapesOf, type TrainedRun, trainRun } from '../trainer/train-run.js';
import { joinAsGuest } from './guest.js';

// As many steps as it takes: a run is stopped when what is tested has happened, and compared with one of as many steps.
const OPEN: Partial<TrainConfigInput> = { steps: 100_000, lr: '1e-3' };
const undisturbed = async ({ finished }: TrainedRun): Promise<unknown> =>
  hashesOf(await trainRun({ ...OPEN, devices: 'cpu:1', steps: finished.steps }));

interface Scene {
  /** By which the joined workers leave. */
  readonly leave: AbortController;
  /** Ends the run some steps later. */
  readonly stop: () => void;
}
interface Joined {
  readonly run: TrainedRun;
  /** How each command that joined ended: null, or the code of its error. */
  readonly ends: readonly (string | null)[];
}

/** A run that workers join as soon as it is open. */
async function runWithJoiners(
  changes: Partial<TrainConfigInput>,
  joiners: readonly Partial<Pick<JoinedRun, 'token'> & HostMaterial>[],
  onEvent: (event: RunEventBody, scene: Scene) => void,
): Promise<Joined> {
  const leave = new AbortController();
  const stopped = new AbortController();
  let stepsLeft = Infinity;
  const stop = (): void => void (stepsLeft = Math.min(stepsLeft, 20));
  const commands: Promise<string | null>[] = [];
  const onOpen = (entrance: Entrance): void => {
    for (const { token = entrance.token, ...material } of joiners)
      commands.push(
        joinAsGuest({ url: entrance.url, token }, { signal: leave.signal, material })
          .then(
            () => null,
            (error: unknown) => (error as { code: string }).code,
          )
          .finally(stop),
      );
  };
  const onRunEvent = (event: RunEventBody): void => {
    onEvent(event, { leave, stop });
    if (event.type === 'step' && stepsLeft-- === 0) stopped.abort();
  };
  const run = await trainRun({ ...OPEN, ...changes }, onRunEvent, stopped.signal, { onOpen });
  return { run, ends: await Promise.all(commands) };
}

describe('a worker that joins a run', () => {
  it(
    'is used where that pays, and leaves when it is asked to: no step ' + 'is lost or done twice, and no bit changes',
    async () => {
      let grownAt = -1;
      const { run, ends } = await runWithJoiners({ devices: 'cpu:1' }, [{}], (event, { leave }) => {
        if (event.type === 'transition' && grownAt < 0) grownAt = event.step;
        if (event.type === 'step' && grownAt >= 0 && event.step === grownAt + 20) leave.abort();
      });
      expect(ends).toEqual([null]);
      expect(run.of('transition')).toHaveLength(2);
      expect(run.of('worker.joined').at(-1)).toMatchObject({ worker: 'w1', origin: { name: 'guest' } });
      expect(run.of('worker.left')).toMatchObject([{ worker: 'w1' }]);
      expect(run.of('recovered')).toEqual([]);
      expect(run.of('step').map(({ step }) => step)).toEqual(
        Array.from({ length: run.finished.steps }, (_, step) => step),
      );
      expect(hashesOf(run)).toEqual(await undisturbed(run));
    },
  );

  it('is a spare where the shape is given, and replaces a lost worker before a new one is started', async () => {
    const pids: number[] = [];
    const { run, ends } = await runWithJoiners(
      { devices: 'cpu:2', pipeline: 2, replicas: 1 },
      [{}],
      (event, { stop }) => {
        if (event.type === 'recovered') stop();
        if (event.type !== 'worker.joined') return;
        pids.push(event.pid);
        if (event.worker === 'w2') process.kill(pids[1] as number, 'SIGKILL');
      },
    );
    expect(ends).toEqual([null]);
    expect(run.of('recovered')).toMatchObject([{ lost: ['w1'], workers: 2 }]);
    expect(
      new Set(
        run
          .of('plan.made')
          .at(-1)
          ?.stages.map(({ worker }) => worker),
      ),
    ).toEqual(new Set(['w0', 'w2']));
    expect(run.of('worker.joined').map(({ worker }) => worker)).toEqual(['w0', 'w1', 'w2']);
    expect(hashesOf(run)).toEqual(await undisturbed(run));
  });

  it('is turned away with both digests where its data are others, and the run does not care', async () => {
    const { run, ends } = await runWithJoiners(
      { devices: 'cpu:1' },
      [{ dataOptions: { samples: 50 } }],
      () => undefined,
    );
    expect(ends).toEqual(['PT_JOIN_MISMATCH']);
    expect(run.of('warning').at(-1)?.message).toMatch(/digest is [0-9a-f]{16}, the run's is [0-9a-f]{16}/);
    expect(run.of('transition')).toEqual([]);
  });

  it('is refused with a wrong token', async () => {
    const { ends } = await runWithJoiners({ devices: 'cpu:1' }, [{ token: 'guess' }], () => undefined);
    expect(ends).toEqual(['PT_TOKEN']);
  });
});

describe('a worker of the run itself', () => {
  it('that gets a SIGTERM lets its state move on; the last one stays', async () => {
    const pids: number[] = [];
    const { run } = await runWithJoiners({ devices: 'cpu:2', pipeline: 2, replicas: 1 }, [], (event, { stop }) => {
      if (event.type === 'warning') stop();
      if (event.type === 'worker.joined') pids.push(event.pid);
      if (event.type === 'step' && event.step === 50) process.kill(pids[0] as number, 'SIGTERM');
      if (event.type === 'step' && event.step === 90) process.kill(pids[1] as number, 'SIGTERM');
    });
    expect(shapesOf(run)).toEqual(['2x1 1x1']);
    expect(run.of('worker.left')).toMatchObject([{ worker: 'w0' }]);
    expect(run.of('warning').map(({ message }) => message)).toEqual([expect.stringMatching(/w1 cannot leave/)]);
    expect(run.of('recovered')).toEqual([]);
    expect(hashesOf(run)).toEqual(await undisturbed(run));
  });
});

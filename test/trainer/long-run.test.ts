// A run keeps nothing of its steps: what a step made is garbage soon after it, in the process that leads the run.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConsoleView } from '../../cli/console/console.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import { EventLog } from '../../engine/events/event-log.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { runTraining } from '../../engine/trainer/run-training.js';
import { fakeOutput } from '../cli/fake-io.js';
import { collectGarbage, numAlive } from '../collect-garbage.js';
import { scratch } from '../scratch.js';
import { keptPrograms, TINY } from './train-run.js';

const STEPS = 400;
/** Steps that a view, a board and a log may look back on. */
const LOOKED_BACK = 60;

describe('a run of many steps', () => {
  it('keeps none of them', async () => {
    const runFolder = RunFolder.create(join(scratch(), 'run'));
    const log = new EventLog(runFolder.eventsPath);
    const view = new ConsoleView(fakeOutput());
    const steps: WeakRef<object>[] = [];
    const shares: WeakRef<object>[] = [];
    await runTraining(trainConfigSchema.parse({ ...TINY, steps: STEPS, checkpointEvery: '100 steps' }), {
      runFolder,
      cacheFolder: keptPrograms(),
      signal: new AbortController().signal,
      sync: () => log.sync(),
      emit: (event) => {
        const stamped = log.append(event);
        view.show(stamped);
        if (event.type !== 'step') return;
        steps.push(new WeakRef(event), new WeakRef(stamped));
        shares.push(new WeakRef(event.shares ?? {}));
      },
    });
    log.sync();
    expect(steps).toHaveLength(2 * STEPS);
    await collectGarbage();
    expect(numAlive(steps)).toBeLessThan(2 * LOOKED_BACK);
    expect(numAlive(shares)).toBeLessThan(LOOKED_BACK);
    log.close();
  });
});

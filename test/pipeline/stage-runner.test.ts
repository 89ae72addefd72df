// What a stage says when its executor fails: replica, stage and action, besides the block and the op.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError, toErrorRecord, WorkerError } from '../../engine/core/errors.js';
import { InvariantError } from '../../engine/core/invariant.js';
import { compilePrefix } from '../../engine/model/compile.js';
import { StandaloneProgram } from '../../engine/model/standalone-program.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import type { StageRunner } from '../../pipeline/stage-runner.js';
import { B, dataOf, info, model, parameters, sink, stageOf, stepFrom, WRONG_FROM } from './failing-stage.js';

const GOOD = stepFrom(0);
const WRONG = stepFrom(WRONG_FROM);

/** What `work` throws, at once or later. */
async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe.each(['ort-cpu', 'tfjs-cpu'] as const)('a stage on %s', (kind) => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await openExecutorOf(kind, { threads: 1 });
  });
  afterAll(() => executor.close());

  /** Expects an error of the executor that begins with `place`, in a program of that kind. */
  async function expectFailure(work: () => unknown, place: string, program: string): Promise<void> {
    const error = await thrownBy(work);
    expect(error).toBeInstanceOf(ModelError);
    const { code, message, cause } = error as ModelError;
    expect(code).toBe('PT_EXECUTOR');
    const what = `Program "gated blocks ${program}" fails on ${kind} in block 1 (gates), op GatherV2: `;
    expect(message).toContain(`replica 1, stage 2, ${place}: ${what}`);
    expect(message.length).toBeGreaterThan(message.indexOf(what) + what.length);
    expect((cause as Error).message).toBe(message.slice(message.indexOf('Program')));
    expect(toErrorRecord(error)).toMatchObject({ code: 'PT_EXECUTOR', message });
  }

  async function using(runner: StageRunner, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } finally {
      runner.close();
    }
  }

  it('names a forward, and works on after it', async () => {
    const runner = stageOf(executor, { dataset: dataOf('forwardAt'), prefix: null });
    await using(runner, async () => {
      await expectFailure(() => runner.forward(WRONG, 1), 'action 2F1', '1-2 forward');
      expect(await runner.forward(GOOD, 1)).toMatchObject({ micro: 1 });
    });
  });

  it('names a backward', async () => {
    const runner = stageOf(executor, { dataset: dataOf('inputAt'), prefix: null });
    await using(runner, async () => {
      await runner.forward(WRONG, 1);
      await expectFailure(() => runner.backward(WRONG, 1, sink), 'action 2B1', '1-2 backward');
    });
  });

  it('names either half of a backward', async () => {
    const early = stageOf(executor, { dataset: dataOf('inputAt'), prefix: null }, { kinds: 'FIW' });
    await using(early, async () => {
      await early.forward(WRONG, 1);
      await expectFailure(() => early.backwardInput(WRONG, 1), 'action 2I1', '1-2 backward-input');
    });
    const late = stageOf(executor, { dataset: dataOf('weightAt'), prefix: null }, { kinds: 'FIW' });
    await using(late, async () => {
      await late.forward(WRONG, 1);
      await late.backwardInput(WRONG, 1);
      await expectFailure(() => late.backwardWeight(WRONG, 1, sink), 'action 2W1', '1-2 backward-weight');
    });
  });

  it('names a forward that is run again for a backward', async () => {
    const runner = stageOf(executor, { dataset: dataOf('forwardAt'), prefix: null }, { recompute: true });
    await using(runner, async () => {
      await runner.forward(GOOD, 1);
      await runner.forward(GOOD, 0);
      await expectFailure(() => runner.backward(WRONG, 1, sink), 'action 2B1', '1-2 forward');
    });
  });

  it('names an evaluation', async () => {
    const runner = stageOf(executor, { dataset: dataOf('forwardAt'), prefix: null });
    await using(runner, async () => {
      const ids = WRONG.ids.subarray(0, B);
      await expectFailure(() => runner.evaluate(7, ids, 1), 'evaluation of micro-batch 7', '1-2 evaluate');
    });
  });

  it('names a frozen prefix by the action that wants it', async () => {
    const frozen = new StandaloneProgram(executor, compilePrefix(model, info, 0, 2, B), parameters);
    const dataset = dataOf('forwardAt');
    const prefix = (ids: Int32Array, out: HostArray): void => {
      frozen.fillFields(dataset, ids, 1);
      frozen.run();
      out.set(frozen.output);
    };
    const runner = stageOf(executor, { dataset, prefix }, { from: 2 });
    await using(runner, () => expectFailure(() => runner.forward(WRONG, 1), 'action 2F1', '0-1 prefix'));
    frozen.close();
  });
});

describe('a stage', () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await openExecutorOf('ort-cpu', { threads: 1 });
  });
  afterAll(() => executor.close());

  /** The error of a forward whose prefix throws `error`. */
  async function passedOn(error: Error, from = executor): Promise<unknown> {
    const prefix = (): void => {
      throw error;
    };
    const runner = stageOf(from, { dataset: dataOf('forwardAt'), prefix }, { from: 2 });
    const thrown = await thrownBy(() => runner.forward(GOOD, 1));
    runner.close();
    return thrown;
  }

  it('passes errors on unchanged that mean something else', async () => {
    const errors = [
      new WorkerError('PT_SHM_FULL', 'no memory', 'Get some.'),
      new WorkerError('PT_ABORTED', 'given up', ''),
      new RangeError('a disk that is full'),
    ];
    for (const error of errors) expect(await passedOn(error)).toBe(error);
  });

  it('adds the place to a defect, which stays one', async () => {
    const defect = new InvariantError('two times two is five');
    const thrown = await passedOn(defect);
    expect(thrown).toBeInstanceOf(InvariantError);
    expect(thrown).toMatchObject({
      message: 'replica 1, stage 2, action 2F1: two times two is five',
      cause: defect,
    });
    expect((thrown as Error).stack).toContain('stage-runner.test');
    expect(toErrorRecord(thrown)).toMatchObject({ code: 'PT_INTERNAL', exitCode: 1 });
  });

  it('takes whatever else an executor throws for a failed run', async () => {
    const broken: Executor = {
      ...executor,
      name: 'broken',
      load: (program) => ({
        program,
        bind: () => ({
          run: () => {
            throw new TypeError('expected a pointer');
          },
          free: () => undefined,
        }),
        free: () => undefined,
      }),
    };
    const runner = stageOf(broken, { dataset: dataOf('forwardAt'), prefix: null });
    expect(await thrownBy(() => runner.forward(GOOD, 1))).toMatchObject({
      code: 'PT_EXECUTOR',
      message: 'replica 1, stage 2, action 2F1: Program "gated blocks 1-2 forward" fails: expected a pointer',
    });
    runner.close();
  });
});

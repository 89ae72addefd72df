// StageRunner: runs the actions of one stage of one replica, with real tensors. It is told when inputs have arrived and
// tells when outputs are there; how they travel, where a frozen prefix comes from, and what happens to the gradients
// are other people's business.
import { present } from '../engine/core/invariant.js';
import type { Dataset } from '../engine/data/dataset.js';
import type { StagePrograms } from '../engine/model/compile.js';
import type { ProgramBinding } from '../engine/model/program-binding.js';
import type { RowTable } from '../engine/model/row-table.js';
import type { BufferPool } from '../engine/tensor/buffer-pool.js';
import type { Vector } from '../engine/tensor/device-memory.js';
import type { Executor, LoadedProgram } from '../engine/tensor/executor.js';
import { atPlace } from '../engine/tensor/run-failure.js';
import type { HostArray } from '../engine/tensor/shape.js';
import { type Action, type ActionKind, showAction } from './action.js';
import { LoadedStage } from './loaded-stage.js';
import { peakLive } from './simulate.js';
import { StageBindings, type StageTensors } from './stage-bindings.js';
import { noteAction, noteWait, type StepTimes } from './step-times.js';

/** What a stage is to do, and where it stands. */
export interface StageDuty {
  readonly replica: number;
  readonly stage: number;
  /** First micro-batch of the replica in the global batch. */
  readonly start: number;
  /** Samples per micro-batch. */
  readonly microBatch: number;
  /** What this stage does in a step, in order. */
  readonly actions: readonly Action[];
  /**
   * Whether only the inputs at the lower border live from a forward to its backward; the forward is then run once more
   * right before the backward.
   */
  readonly recompute: boolean;
}

/** What the programs of a stage run on. */
export interface StageDevice {
  readonly executor: Executor;
  /** Lends the buffers that live from a forward to its backward; all go back on `close`. */
  readonly pool: BufferPool;
}

/** Where the inputs come from that no neighbour sends. */
export interface StageSource {
  readonly dataset: Dataset;
  /** Keys the noise. */
  readonly seed: number;
  /**
   * Brings the output of the frozen prefix for one micro-batch into `out`; null where the stage begins with data or
   * with a neighbour.
   */
  readonly prefix: ((ids: Int32Array, out: HostArray) => void) | null;
}

/** How the runner learns of neighbours. Kinds: F activation, B gradient. */
export interface StageSignals {
  arrived(kind: 'F' | 'B', step: number, micro: number): Promise<void>;
  ring(kind: 'F' | 'B', step: number, micro: number): void;
}

/** Where the gradient of one micro-batch goes. */
export interface StageGradient {
  /** That of all parameters but row tables, the blocks one after another. All of it is written. */
  readonly dense: Vector;
  /** Takes that of a row table: row indices[i] gets values[i * width...]; rows of one index are added in order. */
  takeRows(table: RowTable, indices: Int32Array, values: Float32Array): void;
}

/** Where the gradients of micro-batches go, one after the other. */
export interface GradientSink {
  acquire(): StageGradient;
  commit(micro: number): void;
}

export interface StageRunnerOptions {
  readonly duty: StageDuty;
  readonly device: StageDevice;
  readonly programs: StagePrograms;
  readonly tensors: StageTensors;
  readonly source: StageSource;
  readonly signals: StageSignals;
}

/** What all actions of a step share. */
export interface StepInput {
  readonly step: number;
  /** Sample ids of the global batch; -1 is padding. */
  readonly ids: Int32Array;
  /** Real samples among them. */
  readonly total: number;
  readonly times: StepTimes;
}

export interface StageLoss {
  readonly micro: number;
  readonly loss: number;
}

/** A loss that is computed, or about to be on a device: reading it waits for that. Good until the next step. */
export interface PendingLoss {
  readonly micro: number;
  read(): number;
}

/** What evaluation tells of the samples of a micro-batch; see ProgramBinding.statistics. */
export interface StageEvaluation {
  readonly statistics: Float32Array<ArrayBuffer>;
}

/**
 * A failure of the executor is thrown as a ModelError (PT_EXECUTOR) that names replica, stage and action, besides the
 * block and the op.
 */
export class StageRunner {
  readonly #options: StageRunnerOptions;
  readonly #loaded: LoadedStage;
  readonly #bindings: StageBindings;
  /** With recomputation: the micro-batch of this step whose tensors are in the only slot. */
  #held: { readonly step: number; readonly micro: number } | null = null;

  constructor(options: StageRunnerOptions) {
    this.#options = options;
    const { device, programs, tensors, duty } = options;
    this.#loaded = new LoadedStage(device.executor, programs, duty.actions);
    const numLive = Math.max(1, peakLive(duty.actions));
    const counts = { held: duty.recompute ? 1 : numLive, carried: numLive };
    const { pool, executor } = device;
    this.#bindings = new StageBindings(tensors, { pool, memory: executor.memory ?? null }, counts, programs.forward);
  }

  /** F: the activation goes to the neighbour; the loss is returned where this is the last stage. */
  async forward(input: StepInput, micro: number): Promise<PendingLoss | null> {
    const { tensors, signals, source, duty } = this.#options;
    const { step, times } = input;
    if (tensors.borders.activationIn !== null && source.prefix === null)
      await noteWait(times, () => signals.arrived('F', step, micro));
    const begin = performance.now();
    const bound = this.#computeForward(input, micro);
    this.#noteAction(times, begin);
    if (tensors.borders.activationOut === null)
      return { micro: duty.start + micro, read: () => present(bound.loss(), 'loss') };
    signals.ring('F', step, micro);
    return null;
  }

  /** B: both gradients at once. */
  async backward(input: StepInput, micro: number, sink: GradientSink): Promise<void> {
    await this.#gradientArrived(input, micro);
    const begin = performance.now();
    this.#runInto(this.#loaded.backward, 'B', input, micro, sink);
    this.#noteAction(input.times, begin);
    this.#sendGradient(input, micro);
  }

  /** I: the gradient for the stage below; the weights' gradients are left to W. */
  async backwardInput(input: StepInput, micro: number): Promise<void> {
    await this.#gradientArrived(input, micro);
    const begin = performance.now();
    if (this.#loaded.backwardInput !== null) this.#run(this.#loaded.backwardInput, 'I', input, micro, null);
    this.#noteAction(input.times, begin);
    this.#sendGradient(input, micro);
  }

  /** W: the gradients of the weights, after I. */
  backwardWeight(input: StepInput, micro: number, sink: GradientSink): void {
    const begin = performance.now();
    this.#runInto(this.#loaded.backwardWeight, 'W', input, micro, sink);
    this.#noteAction(input.times, begin);
  }

  /**
   * Forward without training of micro-batch `index` of the validation samples, which sits (or will be loaded) at border
   * position `place`. Returns what is told of its samples where this is the last stage.
   */
  evaluate(index: number, ids: Int32Array, place: number): StageEvaluation | null {
    const { tensors, source, duty } = this.#options;
    try {
      const bound = this.#bindings.evaluate(this.#loaded.evaluate, place);
      bound.fillFields(source.dataset, ids, 1);
      this.#loadPrefix(ids, place);
      bound.run();
      if (tensors.borders.activationOut !== null) return null;
      return { statistics: bound.statistics(ids) };
    } catch (error) {
      throw atPlace(error, `replica ${duty.replica}, stage ${duty.stage}, evaluation of micro-batch ${index}`, duty);
    }
  }

  close(): void {
    this.#bindings.close();
    this.#loaded.free();
  }

  /** Plans go by what actions take, so a device that computes beside the host has to be done with this one. */
  #noteAction(times: StepTimes, begin: number): void {
    this.#options.device.executor.memory?.settle();
    noteAction(times, begin);
  }

  async #gradientArrived({ step, times }: StepInput, micro: number): Promise<void> {
    const { tensors, signals } = this.#options;
    if (tensors.borders.gradientIn !== null) await noteWait(times, () => signals.arrived('B', step, micro));
  }

  #sendGradient({ step }: StepInput, micro: number): void {
    const { tensors, signals } = this.#options;
    if (tensors.borders.gradientOut !== null) signals.ring('B', step, micro);
  }

  /** Returns what has the loss where this is the last stage. */
  #computeForward(input: StepInput, micro: number): ProgramBinding {
    try {
      this.#loadPrefix(this.#idsOf(input.ids, micro), micro);
      const bound = this.#bindings.forward(this.#loaded.forward, micro);
      this.#runForward(bound, input, micro);
      return bound;
    } catch (error) {
      throw this.#inAction(error, 'F', micro);
    }
  }

  /** Runs a program whose parameter gradients go to the sink; a stage without parameters still counts there. */
  #runInto(loaded: LoadedProgram | null, kind: 'B' | 'W', input: StepInput, micro: number, sink: GradientSink): void {
    const gradient = sink.acquire();
    if (loaded !== null) {
      this.#run(loaded, kind, input, micro, gradient.dense);
      for (const table of this.#options.programs.tables) {
        const { indices, values } = this.#bindings.rows(loaded.program, table, micro);
        gradient.takeRows(table, indices, values);
      }
    }
    sink.commit(this.#options.duty.start + micro);
  }

  /** Runs a backward or half of one, on what its forward has saved or saves once more: the same bits. */
  #run(loaded: LoadedProgram, kind: 'B' | 'I' | 'W', input: StepInput, micro: number, gradient: Vector | null): void {
    const isHeld = this.#held?.step === input.step && this.#held.micro === micro;
    try {
      if (this.#options.duty.recompute && !isHeld) {
        const again = this.#bindings.forwardAgain(this.#loaded.forward, micro);
        this.#runForward(again, input, micro);
      }
      this.#runFilled(this.#bindings.backward(loaded, kind, micro, gradient), input, micro);
    } catch (error) {
      throw this.#inAction(error, kind, micro);
    }
  }

  #runForward(bound: ProgramBinding, input: StepInput, micro: number): void {
    this.#runFilled(bound, input, micro);
    this.#held = { step: input.step, micro };
  }

  /** Runs a program on the fields and the noise that it is the first to read. */
  #runFilled(bound: ProgramBinding, { step, total, ids: all }: StepInput, micro: number): void {
    const { dataset, seed } = this.#options.source;
    const ids = this.#idsOf(all, micro);
    bound.fillFields(dataset, ids, total);
    bound.fillNoise(seed, step, ids);
    bound.run();
  }

  #idsOf(ids: Int32Array, micro: number): Int32Array {
    const { start, microBatch } = this.#options.duty;
    const first = (start + micro) * microBatch;
    return ids.subarray(first, first + microBatch);
  }

  #loadPrefix(ids: Int32Array, place: number): void {
    const { tensors, source } = this.#options;
    if (source.prefix === null) return;
    source.prefix(ids, present(tensors.borders.activationIn?.[place], 'prefix output'));
  }

  /** An error with the action in which it happened, where it is one of the executor. */
  #inAction(error: unknown, kind: ActionKind, micro: number): unknown {
    const { replica, stage } = this.#options.duty;
    return atPlace(
      error,
      `replica ${replica}, stage ${stage}, action ${showAction({ stage, kind, micro })}`,
      this.#options.duty,
    );
  }
}

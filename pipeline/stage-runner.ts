// StageRunner: runs the actions of one stage of one replica, with real tensors. It is told when inputs have arrived and
// tells when outputs are there; how they travel, where a frozen prefix comes from, and what happens to the gradients
// are other people's business.
import { present } from '../engine/core/invariant.js';
import { fillUniform, randomKey } from '../engine/core/random.js';
import type { Dataset } from '../engine/data/dataset.js';
import { fillField, fillWeights } from '../engine/data/micro-batch.js';
import type { StagePrograms } from '../engine/model/compile.js';
import { entryView, type SlabLayout } from '../engine/model/slab.js';
import type { BufferPool } from '../engine/tensor/buffer-pool.js';
import type { BoundProgram, Executor, LoadedProgram } from '../engine/tensor/executor.js';
import { type Port, type PortRole, type Program, roleName } from '../engine/tensor/program.js';
import { type HostArray, sizeOf } from '../engine/tensor/shape.js';
import type { Action } from './action.js';
import { peakLive } from './simulate.js';

/**
 * Buffers where tensors cross the borders of the stage, one per micro-batch of the replica; null where there is no such
 * border.
 */
export interface StageBorders {
  readonly activationIn: readonly HostArray[] | null;
  readonly activationOut: readonly HostArray[] | null;
  readonly gradientIn: readonly HostArray[] | null;
  readonly gradientOut: readonly HostArray[] | null;
}

/** How the runner learns of neighbours. Kinds: F activation, B gradient. */
export interface StageSignals {
  arrived(kind: 'F' | 'B', step: number, micro: number): Promise<void>;
  ring(kind: 'F' | 'B', step: number, micro: number): void;
}

/**
 * Where the gradients of micro-batches go: one buffer per micro-batch, laid out as the stage's slabs one after another.
 */
export interface GradientSink {
  acquire(): Float32Array;
  commit(micro: number): void;
}

export interface StageRunnerOptions {
  readonly executor: Executor;
  /** Lends the buffers that live from a forward to its backward; all go back on `close`. */
  readonly pool: BufferPool;
  /**
   * Whether only the inputs at the lower border live that long; the forward is then run once more right before the
   * backward.
   */
  readonly recompute: boolean;
  readonly programs: StagePrograms;
  readonly layouts: readonly SlabLayout[];
  readonly weights: (block: number) => Float32Array;
  /** Elements from the start of the stage's gradient to the slab of a block. */
  readonly gradientOffset: (block: number) => number;
  readonly borders: StageBorders;
  readonly signals: StageSignals;
  readonly dataset: Dataset;
  readonly seed: number;
  readonly microBatch: number;
  /** First micro-batch of the replica in the global batch. */
  readonly start: number;
  /** What this stage does in a step, in order. */
  readonly actions: readonly Action[];
  /**
   * Brings the output of the frozen prefix for one micro-batch into `out`; null where the stage begins with data or
   * with a neighbour.
   */
  readonly prefix: ((ids: Int32Array, out: Float32Array) => void) | null;
}

/** What one step took on this stage, milliseconds. */
export interface StepTimes {
  computeMs: number;
  /** Waiting for neighbours: the bubble, and what their tensors took to arrive. */
  waitMs: number;
  /**
   * Begin and end of every action in the order in which they ran, by this process's clock: from when its inputs were
   * there until its result was.
   */
  readonly spans: number[];
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

export class StageRunner {
  readonly #options: StageRunnerOptions;
  readonly #forward: LoadedProgram;
  /** Null where the stage has neither parameters nor anybody who wants its input gradient. */
  readonly #backward: LoadedProgram | null;
  /** The same in two halves, where the schedule splits it; the first is null where nobody wants an input gradient. */
  readonly #backwardInput: LoadedProgram | null;
  readonly #backwardWeight: LoadedProgram | null;
  readonly #evaluate: LoadedProgram;
  /**
   * Micro-batches between their forward and the end of their backward, at most; and how many of them have buffers of
   * their own.
   */
  readonly #numLive: number;
  readonly #numSlots: number;
  /** Buffers that live from a forward to its backward, by slot and role. */
  readonly #buffers = new Map<string, HostArray>();
  readonly #bound = new Map<string, BoundProgram>();
  /** With recomputation: the micro-batch of this step whose tensors are in slot 0. */
  #held: { readonly step: number; readonly micro: number } | null = null;
  readonly #bufferIds = new Map<ArrayBufferLike, number>();

  constructor(options: StageRunnerOptions) {
    this.#options = options;
    const { executor, programs, actions } = options;
    const load = (program: Program | null): LoadedProgram | null =>
      program === null || program.outputs.length === 0 ? null : executor.load(program);
    const splits = actions.some(({ kind }) => kind === 'I' || kind === 'W');
    this.#forward = executor.load(programs.forward);
    this.#backward = splits ? null : load(programs.backward);
    this.#backwardInput = splits ? load(programs.split.input) : null;
    this.#backwardWeight = splits ? load(programs.split.weight) : null;
    this.#evaluate = executor.load(programs.evaluate);
    this.#numLive = Math.max(1, peakLive(actions));
    this.#numSlots = options.recompute ? 1 : this.#numLive;
  }

  /** F: the activation goes to the neighbour; the loss is returned where this is the last stage. */
  async forward(input: StepInput, micro: number): Promise<StageLoss | null> {
    const { borders, signals, start, prefix } = this.#options;
    const { step, times, total } = input;
    if (borders.activationIn !== null && prefix === null) await timed(times, () => signals.arrived('F', step, micro));
    const begin = performance.now();
    const slot = micro % this.#numSlots;
    const own = this.#idsOf(input.ids, micro);
    this.#fill(this.#forward.program, slot, own, step, total);
    this.#loadPrefix(own, micro);
    this.#bind(this.#forward, `f${micro}`, micro, slot, null).run();
    this.#held = { step, micro };
    note(times, begin);
    if (borders.activationOut === null)
      return { micro: start + micro, loss: present(this.#buffers.get(`${slot} loss`), 'loss')[0] as number };
    signals.ring('F', step, micro);
    return null;
  }

  /** B: both gradients at once. */
  async backward(input: StepInput, micro: number, sink: GradientSink): Promise<void> {
    await this.#gradientArrived(input, micro);
    const begin = performance.now();
    this.#runInto(this.#backward, 'b', input, micro, sink);
    note(input.times, begin);
    this.#sendGradient(input, micro);
  }

  /** I: the gradient for the stage below; the weights' gradients are left to W. */
  async backwardInput(input: StepInput, micro: number): Promise<void> {
    await this.#gradientArrived(input, micro);
    const begin = performance.now();
    if (this.#backwardInput !== null) this.#run(this.#backwardInput, `i${micro}`, input, micro, null);
    note(input.times, begin);
    this.#sendGradient(input, micro);
  }

  /** W: the gradients of the weights, after I. */
  backwardWeight(input: StepInput, micro: number, sink: GradientSink): void {
    const begin = performance.now();
    this.#runInto(this.#backwardWeight, 'w', input, micro, sink);
    note(input.times, begin);
  }

  /**
   * Forward without training of one micro-batch that sits (or will be loaded) at border position `place`. Returns the
   * weighted sums of loss and score where this is the last stage.
   */
  evaluate(ids: Int32Array, place: number): { readonly loss: number; readonly score: number | null } | null {
    this.#fill(this.#evaluate.program, 0, ids, 0, 1);
    this.#loadPrefix(ids, place);
    this.#bind(this.#evaluate, `e${place}`, place, 0, null).run();
    if (this.#options.borders.activationOut !== null) return null;
    const score = this.#buffers.get('0 score');
    return {
      loss: present(this.#buffers.get('0 loss'), 'loss')[0] as number,
      score: score === undefined ? null : (score[0] as number),
    };
  }

  close(): void {
    for (const bound of this.#bound.values()) bound.free();
    this.#bound.clear();
    for (const buffer of this.#buffers.values()) this.#options.pool.release(buffer);
    this.#buffers.clear();
    for (const program of [this.#forward, this.#backward, this.#backwardInput, this.#backwardWeight, this.#evaluate])
      program?.free();
  }

  async #gradientArrived({ step, times }: StepInput, micro: number): Promise<void> {
    const { borders, signals } = this.#options;
    if (borders.gradientIn !== null) await timed(times, () => signals.arrived('B', step, micro));
  }

  #sendGradient({ step }: StepInput, micro: number): void {
    const { borders, signals } = this.#options;
    if (borders.gradientOut !== null) signals.ring('B', step, micro);
  }

  /** Runs a program whose parameter gradients go to the sink; a stage without parameters still counts there. */
  #runInto(loaded: LoadedProgram | null, kind: 'b' | 'w', input: StepInput, micro: number, sink: GradientSink): void {
    const gradient = sink.acquire();
    if (loaded !== null) this.#run(loaded, `${kind}${micro}.${this.#identify(gradient)}`, input, micro, gradient);
    sink.commit(this.#options.start + micro);
  }

  /** Runs a backward or half of one, on what its forward has saved or saves once more. */
  #run(loaded: LoadedProgram, key: string, input: StepInput, micro: number, gradient: Float32Array | null): void {
    const isHeld = this.#held?.step === input.step && this.#held.micro === micro;
    if (this.#options.recompute && !isHeld) this.#forwardAgain(input, micro);
    this.#bind(loaded, key, micro, micro % this.#numSlots, gradient).run();
  }

  /**
   * The same program on the same inputs as before: the same bits. Its input is still in its place of the border; its
   * output goes nowhere, because the stage above may be reading the first one.
   */
  #forwardAgain({ step, ids, total }: StepInput, micro: number): void {
    this.#fill(this.#forward.program, 0, this.#idsOf(ids, micro), step, total);
    this.#bind(this.#forward, `r${micro}`, micro, 0, null).run();
    this.#held = { step, micro };
  }

  #idsOf(ids: Int32Array, micro: number): Int32Array {
    const first = (this.#options.start + micro) * this.#options.microBatch;
    return ids.subarray(first, first + this.#options.microBatch);
  }

  #loadPrefix(ids: Int32Array, place: number): void {
    const { prefix, borders } = this.#options;
    if (prefix !== null) prefix(ids, present(borders.activationIn?.[place], 'prefix output') as Float32Array);
  }

  /** Fills fields, weights and noise of a program's inputs for one micro-batch. */
  #fill(program: Program, slot: number, ids: Int32Array, step: number, total: number): void {
    for (const port of program.inputs) {
      if (port.role.kind === 'field') {
        const out = this.#slotBuffer(port, slot);
        if (port.role.name === '#weight') fillWeights(ids, total, out as Float32Array);
        else fillField(this.#options.dataset, port.role.name, ids, out);
      } else if (port.role.kind === 'noise') {
        this.#fillNoise(port, port.role, slot, ids, step);
      }
    }
  }

  #fillNoise(
    port: Port,
    role: Extract<PortRole, { kind: 'noise' }>,
    slot: number,
    ids: Int32Array,
    step: number,
  ): void {
    const out = this.#slotBuffer(port, slot) as Float32Array;
    const perSample = out.length / ids.length;
    for (const [row, id] of ids.entries())
      fillUniform(
        randomKey(this.#options.seed, 'dropout', step, id, role.block, role.tag),
        out,
        row * perSample,
        perSample,
      );
  }

  #bind(loaded: LoadedProgram, key: string, place: number, slot: number, gradient: Float32Array | null): BoundProgram {
    const known = this.#bound.get(key);
    if (known !== undefined) return known;
    const inputs = loaded.program.inputs.map((port) => this.#input(port, place, slot));
    const outputs = loaded.program.outputs.map((port) =>
      key.startsWith('r') ? this.#slotBuffer(port, slot) : this.#output(port, place, slot, gradient),
    );
    const bound = loaded.bind(inputs, outputs);
    this.#bound.set(key, bound);
    return bound;
  }

  #input(port: Port, place: number, slot: number): HostArray {
    const { borders, layouts, weights } = this.#options;
    switch (port.role.kind) {
      case 'activation':
        return present(borders.activationIn?.[place], `input ${place}`);
      case 'gradient':
        return present(borders.gradientIn?.[place], `gradient ${place}`);
      case 'param': {
        const { block, name } = port.role;
        const entry = present(
          layouts[block]?.entries.find((candidate) => candidate.name === name),
          roleName(port.role),
        );
        return entryView(weights(block), entry);
      }
      case 'field':
      case 'noise':
      case 'saved':
        return this.#slotBuffer(port, slot);
      case 'carried':
        return this.#slotBuffer(port, place % this.#numLive);
      default:
        throw new Error(`a stage has no input "${roleName(port.role)}"`);
    }
  }

  #output(port: Port, place: number, slot: number, gradient: Float32Array | null): HostArray {
    const { borders, layouts, gradientOffset } = this.#options;
    switch (port.role.kind) {
      case 'activation':
        return present(borders.activationOut?.[place], `output ${place}`);
      case 'gradient':
        return present(borders.gradientOut?.[place], `input gradient ${place}`);
      case 'paramGrad': {
        const { block, name } = port.role;
        const entry = present(
          layouts[block]?.entries.find((candidate) => candidate.name === name),
          roleName(port.role),
        );
        const begin = gradientOffset(block) + entry.offset;
        return present(gradient, 'gradient buffer').subarray(begin, begin + entry.size);
      }
      case 'carried':
        return this.#slotBuffer(port, place % this.#numLive);
      default:
        return this.#slotBuffer(port, slot);
    }
  }

  #slotBuffer(port: Port, slot: number): HostArray {
    const key = `${slot} ${roleName(port.role)}`;
    let buffer = this.#buffers.get(key);
    if (buffer === undefined) {
      buffer = this.#options.pool.acquire(port.dtype, sizeOf(port.shape));
      this.#buffers.set(key, buffer);
    }
    return buffer;
  }

  /** A name for a gradient buffer, so that a binding to it is found again. */
  #identify(gradient: Float32Array): string {
    const owner = gradient.buffer;
    if (!this.#bufferIds.has(owner)) this.#bufferIds.set(owner, this.#bufferIds.size);
    return `${this.#bufferIds.get(owner)}+${gradient.byteOffset}`;
  }
}

/** Takes down an action that began at `begin` and ends now. */
function note(times: StepTimes, begin: number): void {
  const end = performance.now();
  times.computeMs += end - begin;
  times.spans.push(begin, end);
}

/** Waiting for a neighbour. */
async function timed(times: StepTimes, work: () => Promise<void>): Promise<void> {
  const begin = performance.now();
  await work();
  times.waitMs += performance.now() - begin;
}

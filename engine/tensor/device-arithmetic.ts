// Device arithmetic: programs over runs of float32 elements for a device with memory of its own: sums of two vectors,
// and an update rule. Their operations are rounded one by one, as everywhere, so the bits are those of the host. Which
// vectors are added, and when weights are updated, is decided elsewhere.
import { invariant, present } from '../core/invariant.js';
import type { DeviceBuffer, PortBuffer } from './device-memory.js';
import type { BoundProgram, Executor, LoadedProgram } from './executor.js';
import type { ValueId } from './graph.js';
import type { Port, Program } from './program.js';
import { GraphRecorder } from './recorder.js';
import type { UpdateRule } from './update-rule.js';

/** The ops by the names that update rules have for them. */
const OPS: Readonly<Record<string, string>> = { Add: 'Add', Sub: 'Sub', Mul: 'Multiply', Div: 'RealDiv', Sqrt: 'Sqrt' };

/** An update of weights and states in place; the scalars are read at every run. */
export interface DeviceRun {
  readonly weights: DeviceBuffer;
  readonly gradients: DeviceBuffer;
  readonly states: readonly DeviceBuffer[];
  readonly scalars: Float32Array;
}

/** Programs of one kind by the length of their vectors. */
class LoadedByLength {
  readonly #executor: Executor;
  readonly #programOf: (length: number) => Program;
  readonly #loaded = new Map<number, LoadedProgram>();

  constructor(executor: Executor, programOf: (length: number) => Program) {
    this.#executor = executor;
    this.#programOf = programOf;
  }

  of(length: number): LoadedProgram {
    const loaded = this.#loaded.get(length) ?? this.#executor.load(this.#programOf(length));
    this.#loaded.set(length, loaded);
    return loaded;
  }

  free(): void {
    for (const loaded of this.#loaded.values()) loaded.free();
    this.#loaded.clear();
  }
}

/** Adds vectors on a device. */
export class DeviceAdder {
  readonly #programs: LoadedByLength;
  readonly #bound = new Map<DeviceBuffer, Map<DeviceBuffer, BoundProgram>>();

  constructor(executor: Executor) {
    this.#programs = new LoadedByLength(executor, sumProgram);
  }

  /** left = left + right; the same pair of buffers is bound once. */
  addInto(left: DeviceBuffer, right: DeviceBuffer): void {
    const pairs = this.#bound.get(left) ?? new Map<DeviceBuffer, BoundProgram>();
    this.#bound.set(left, pairs);
    const bound = pairs.get(right) ?? this.#programs.of(left.length).bind([left, right], [left]);
    pairs.set(right, bound);
    bound.run();
  }

  free(): void {
    for (const pairs of this.#bound.values()) for (const bound of pairs.values()) bound.free();
    this.#bound.clear();
    this.#programs.free();
  }
}

/** Updates weights on a device by a rule. */
export class DeviceUpdate {
  readonly #programs: LoadedByLength;

  constructor(executor: Executor, rule: UpdateRule) {
    this.#programs = new LoadedByLength(executor, (length) => updateProgram(rule, length));
  }

  bind({ weights, gradients, states, scalars }: DeviceRun): BoundProgram {
    const inPlace: PortBuffer[] = [weights, ...states];
    const singles = Array.from(scalars, (_, i) => scalars.subarray(i, i + 1));
    return this.#programs.of(weights.length).bind([weights, gradients, ...states, ...singles], inPlace);
  }

  free(): void {
    this.#programs.free();
  }
}

const portOf = (name: string, value: ValueId, shape: readonly number[]): Port => ({
  role: { kind: 'plain', name },
  value,
  shape,
  dtype: 'float32',
});

function sumProgram(length: number): Program {
  const recorder = new GraphRecorder();
  const names = ['left', 'right'];
  const values = names.map(() => recorder.declare({ shape: [length], dtype: 'float32' }));
  const sum = present(recorder.call('Add', values, {})[0], 'the sum');
  return {
    name: `sum of ${length} elements`,
    graph: recorder.graph(),
    inputs: values.map((value, i) => portOf(names[i] as string, value, [length])),
    outputs: [portOf('sum', sum, [length])],
  };
}

function updateProgram({ model, pass }: UpdateRule, length: number): Program {
  const recorder = new GraphRecorder();
  const values = new Map<string, ValueId>();
  const declare = (name: string, shape: readonly number[]): Port => {
    const value = recorder.declare({ shape, dtype: 'float32' });
    values.set(name, value);
    return portOf(name, value, shape);
  };
  const inputs = [
    ...pass.vectors.map((name) => declare(name, [length])),
    ...pass.scalars.map((name) => declare(name, [])),
  ];
  for (const { operator, result, inputs: names } of pass.operations) {
    const op = OPS[operator];
    invariant(op !== undefined, () => `no operation ${operator} for updates on a device`);
    const from = names.map((name) => present(values.get(name), name));
    values.set(result, present(recorder.call(op, from, {})[0], result));
  }
  return {
    name: `${model.name} of ${length} elements`,
    graph: recorder.graph(),
    inputs,
    outputs: pass.outputs.map((name) => portOf(name, present(values.get(name), name), [length])),
  };
}

// RoundedParameters: the bfloat16 copies of the parameters that the programs of a stage multiply with. They are made
// once per update and not once per micro-batch; the parameters themselves stay float32. Whoever updates parameters says
// so here.
import { present } from '../core/invariant.js';
import { type DeviceBuffer, isOnDevice } from '../tensor/device-memory.js';
import type { BoundProgram, Executor, LoadedProgram } from '../tensor/executor.js';
import { ROUND } from '../tensor/fused/rounding.js';
import type { Program } from '../tensor/program.js';
import { GraphRecorder } from '../tensor/recorder.js';
import { type ParameterSlabs, parameterView } from './slab.js';

interface Copy {
  readonly data: Uint16Array | DeviceBuffer;
  readonly loaded: LoadedProgram;
  readonly bound: BoundProgram;
}

export class RoundedParameters {
  readonly #executor: Executor;
  readonly #slabs: ParameterSlabs;
  readonly #copies = new Map<string, Copy>();

  constructor(executor: Executor, slabs: ParameterSlabs) {
    this.#executor = executor;
    this.#slabs = slabs;
  }

  /** The copy of one parameter, where the parameter lies; the same buffer whenever it is asked for. */
  of(parameter: { readonly block: number; readonly name: string }): Uint16Array | DeviceBuffer {
    const key = `${parameter.block} ${parameter.name}`;
    const copy = this.#copies.get(key) ?? this.#made(parameter);
    this.#copies.set(key, copy);
    return copy.data;
  }

  /** Rounds all parameters that were asked for once more. */
  refresh(): void {
    for (const { bound } of this.#copies.values()) bound.run();
  }

  /** Nobody may read a copy afterwards. */
  close(): void {
    for (const { bound, loaded, data } of this.#copies.values()) {
      bound.free();
      loaded.free();
      if (isOnDevice(data)) data.free();
    }
    this.#copies.clear();
  }

  #made(parameter: { readonly block: number; readonly name: string }): Copy {
    const from = parameterView(this.#slabs, parameter);
    const data = isOnDevice(from)
      ? present(this.#executor.memory, 'memory of the device').allocate('bfloat16', from.length)
      : new Uint16Array(from.length);
    const loaded = this.#executor.load(roundingOf(from.length));
    const bound = loaded.bind([from], [data]);
    bound.run();
    return { data, loaded, bound };
  }
}

function roundingOf(size: number): Program {
  const recorder = new GraphRecorder();
  const x = recorder.declare({ shape: [size], dtype: 'float32' });
  const y = present(recorder.call(ROUND, [x], {})[0], 'the rounded value');
  return {
    name: `rounding of ${size} parameters`,
    graph: recorder.graph(),
    inputs: [{ role: { kind: 'plain', name: 'x' }, value: x, shape: [size], dtype: 'float32' }],
    outputs: [{ role: { kind: 'plain', name: 'y' }, value: y, shape: [size], dtype: 'bfloat16' }],
  };
}

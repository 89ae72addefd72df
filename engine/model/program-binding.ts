// ProgramBinding: a loaded program tied to memory. It alone knows what the ports of a program stand for; whoever runs
// the program says where its own tensors lie. It owns no buffer, and does not know when it is run.
import { InvariantError, present } from '../core/invariant.js';
import { fillUniform, randomKey } from '../core/random.js';
import type { Dataset } from '../data/dataset.js';
import { fillField, fillWeights } from '../data/micro-batch.js';
import { type DeviceBuffer, isOnDevice, type PortBuffer } from '../tensor/device-memory.js';
import type { BoundProgram, LoadedProgram } from '../tensor/executor.js';
import { type Port, roleName } from '../tensor/program.js';
import { thrownByRun } from '../tensor/run-failure.js';
import { type HostArray, hostArray, type NumberArray } from '../tensor/shape.js';
import { type ObjectiveKind, STATISTICS } from './block-graph.js';
import type { RoundedParameters } from './rounded-parameters.js';
import { type ParameterSlabs, parameterView } from './slab.js';
import { WEIGHT_FIELD } from './tracing-context.js';

/** Whether a program reads what is bound to a port or writes it. */
export type Way = 'in' | 'out';

/** What crosses the border to a neighbouring stage. */
export type BorderKind = 'activation' | 'gradient';

/** Where the tensors of a program lie. Every buffer has exactly the elements of its port. */
export interface TensorPlaces {
  /** The parameters. */
  readonly parameters: ParameterSlabs;
  /** Their copies in bfloat16; null where no program reads any. */
  readonly rounded: RoundedParameters | null;
  /** The gradients of the parameters; null where nobody takes them. */
  readonly gradients: ParameterSlabs | null;
  /** What comes over a border or goes over one. */
  border(kind: BorderKind, way: Way, port: Port): PortBuffer;
  /**
   * Where what comes over a border lies before a run brings it into a buffer on a device; null where it is in its
   * buffer already. Default: it is.
   */
  arriving?(kind: BorderKind, port: Port): HostArray | null;
  /**
   * What lives from the forward of a micro-batch to its backward, or less: fields, noise, saved tensors, results,
   * gradients of rows.
   */
  buffer(port: Port): PortBuffer;
  /** What lives from the input half of a backward to its weight half; default: as `buffer`. */
  carried?(port: Port): PortBuffer;
  /**
   * Whether a field or noise is in its buffer already when the program runs, from one that ran before; default: it is
   * not.
   */
  isFilled?(port: Port): boolean;
}

/** What the host writes, and the buffer on a device that it is brought into; null where the program reads it there. */
interface Filled<T> {
  readonly data: T;
  readonly device: DeviceBuffer | null;
}

interface FieldInput extends Filled<NumberArray> {
  readonly name: string;
}

interface NoiseInput extends Filled<Float32Array> {
  readonly block: number;
  readonly tag: string;
}

export class ProgramBinding {
  readonly #name: string;
  readonly #bound: BoundProgram;
  readonly #fields: FieldInput[] = [];
  readonly #noise: NoiseInput[] = [];
  readonly #arriving: Filled<HostArray>[] = [];
  readonly #results = new Map<ObjectiveKind, Filled<HostArray>>();

  /** Throws an InvariantError where a port has no place, or one that does not fit. */
  constructor(loaded: LoadedProgram, places: TensorPlaces) {
    const { name, inputs, outputs } = loaded.program;
    this.#name = name;
    const from = inputs.map((port) => this.#placed(port, 'in', places));
    const to = outputs.map((port) => this.#placed(port, 'out', places));
    this.#bound = loaded.bind(from, to);
  }

  /**
   * Fills the inputs that are fields of the data, or the weights of the samples, for one micro-batch. `ids` [B], -1 is
   * padding; `total` counts the real samples of the whole batch.
   */
  fillFields(dataset: Dataset, ids: Int32Array, total: number): void {
    for (const { name, data, device } of this.#fields) {
      if (name === WEIGHT_FIELD.name) fillWeights(ids, total, data as Float32Array);
      else fillField(dataset, name, ids, data);
      device?.upload(data);
    }
  }

  /** Fills the inputs that are noise: the same numbers for a sample in a step, wherever it is computed. */
  fillNoise(seed: number, step: number, ids: Int32Array): void {
    for (const { block, tag, data, device } of this.#noise) {
      const perSample = data.length / ids.length;
      for (const [row, id] of ids.entries())
        fillUniform(randomKey(seed, 'dropout', step, id, block, tag), data, row * perSample, perSample);
      device?.upload(data);
    }
  }

  /** Throws a ModelError (PT_EXECUTOR) where the executor fails. */
  run(): void {
    try {
      for (const { data, device } of this.#arriving) device?.upload(data);
      this.#bound.run();
    } catch (error) {
      throw thrownByRun(error, this.#name);
    }
  }

  /** The loss of the micro-batch that the last run of a training forward has left; null where it computes none. */
  loss(): number | null {
    return this.#result('loss')?.[0] ?? null;
  }

  /**
   * What the last run of an evaluation has left of the samples `ids` [B]: loss, score and outcome of each that is
   * there, as far as the model has them, one sample after the other.
   */
  statistics(ids: Int32Array): Float32Array<ArrayBuffer> {
    const parts = STATISTICS.flatMap((kind) => this.#result(kind) ?? []);
    const samples = ids.reduce((sum, id) => sum + (id >= 0 ? 1 : 0), 0);
    const width = parts.reduce((sum, { length }) => sum + length / ids.length, 0);
    const rows = new Float32Array(samples * width);
    let at = 0;
    for (let sample = 0; sample < samples; sample++)
      for (const part of parts) {
        const own = part.length / ids.length;
        rows.set(part.subarray(sample * own, (sample + 1) * own), at);
        at += own;
      }
    return rows;
  }

  /** Releases what the binding holds on the device; the buffers stay whose they are. */
  free(): void {
    this.#bound.free();
  }

  /** The memory of a port. A role that is not listed here does not compile. */
  #placed(port: Port, way: Way, places: TensorPlaces): PortBuffer {
    const { role } = port;
    switch (role.kind) {
      case 'activation':
      case 'gradient':
        return this.#atBorder(role.kind, way, port, places);
      case 'param':
        return parameterView(places.parameters, role);
      case 'rounded':
        return present(places.rounded, `rounded parameters for "${roleName(role)}" of ${this.#name}`).of(role);
      case 'paramGrad':
        return parameterView(present(places.gradients, `a place for "${roleName(role)}" of ${this.#name}`), role);
      case 'field': {
        const buffer = places.buffer(port);
        if (places.isFilled?.(port) !== true)
          this.#fields.push({ name: role.name, ...filled<NumberArray>(port, buffer) });
        return buffer;
      }
      case 'noise': {
        const buffer = places.buffer(port);
        if (places.isFilled?.(port) !== true)
          this.#noise.push({ block: role.block, tag: role.tag, ...filled<Float32Array>(port, buffer) });
        return buffer;
      }
      case 'loss':
      case 'losses':
      case 'scores':
      case 'outcome': {
        const buffer = places.buffer(port);
        this.#results.set(role.kind, filled(port, buffer));
        return buffer;
      }
      case 'saved':
      case 'rowGrad':
        return places.buffer(port);
      case 'carried':
        return places.carried?.(port) ?? places.buffer(port);
      case 'plain':
        throw new InvariantError(`a program of a stage has no "${roleName(role)}"`);
    }
  }

  #result(kind: ObjectiveKind): Float32Array | null {
    const result = this.#results.get(kind);
    result?.device?.download(result.data);
    return result === undefined ? null : (result.data as Float32Array);
  }

  #atBorder(kind: BorderKind, way: Way, port: Port, places: TensorPlaces): PortBuffer {
    const buffer = places.border(kind, way, port);
    const data = way === 'in' && isOnDevice(buffer) ? (places.arriving?.(kind, port) ?? null) : null;
    if (data !== null && isOnDevice(buffer)) this.#arriving.push({ data, device: buffer });
    return buffer;
  }
}

/** The memory in which the host writes or reads a tensor whose buffer may be on a device. */
function filled<T extends HostArray>(port: Port, buffer: PortBuffer): Filled<T> {
  return isOnDevice(buffer)
    ? { data: hostArray(port.dtype, port.shape) as T, device: buffer }
    : { data: buffer as T, device: null };
}

// StandaloneProgram: a program that runs outside of a pipeline, with buffers of its own for everything but the
// parameters: the frozen blocks of a stage, a whole model on one device.
import { present } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import type { Executor, LoadedProgram } from '../tensor/executor.js';
import { type Port, type Program, roleName } from '../tensor/program.js';
import { type HostArray, hostArray } from '../tensor/shape.js';
import { ProgramBinding } from './program-binding.js';
import { RoundedParameters } from './rounded-parameters.js';
import type { ParameterSlabs } from './slab.js';

export class StandaloneProgram {
  readonly #loaded: LoadedProgram;
  readonly #binding: ProgramBinding;
  readonly #rounded: RoundedParameters;
  readonly #buffers = new Map<string, HostArray>();

  constructor(executor: Executor, program: Program, parameters: ParameterSlabs) {
    this.#loaded = executor.load(program);
    this.#rounded = new RoundedParameters(executor, parameters);
    this.#binding = new ProgramBinding(this.#loaded, {
      parameters,
      rounded: this.#rounded,
      gradients: null,
      border: (kind, way, port) => this.#buffer(`${kind} ${way}`, port),
      buffer: (port) => this.#buffer(roleName(port.role), port),
    });
  }

  /** The activation that the program reads, to be written before a run; null where it begins with data. */
  get input(): Float32Array | Uint16Array | null {
    return (this.#buffers.get('activation in') ?? null) as Float32Array | Uint16Array | null;
  }

  /** The activation that the last run has left; overwritten by the next. */
  get output(): Float32Array | Uint16Array {
    return present(this.#buffers.get('activation out'), 'the output of a program') as Float32Array | Uint16Array;
  }

  /** The buffer of a field that the program reads, for who writes it by hand. */
  field(name: string): HostArray {
    return present(this.#buffers.get(roleName({ kind: 'field', name })), `the field ${name}`);
  }

  /** See ProgramBinding. */
  fillFields(dataset: Dataset, ids: Int32Array, total: number): void {
    this.#binding.fillFields(dataset, ids, total);
  }

  /** Throws a ModelError (PT_EXECUTOR) where the executor fails. */
  run(): void {
    this.#binding.run();
  }

  /** See ProgramBinding. */
  statistics(ids: Int32Array): Float32Array<ArrayBuffer> {
    return this.#binding.statistics(ids);
  }

  /** The parameters have changed. */
  refresh(): void {
    this.#rounded.refresh();
  }

  close(): void {
    this.#binding.free();
    this.#loaded.free();
    this.#rounded.close();
  }

  #buffer(key: string, port: Port): HostArray {
    const buffer = this.#buffers.get(key) ?? hostArray(port.dtype, port.shape);
    this.#buffers.set(key, buffer);
    return buffer;
  }
}

// The eager backend: every op runs at once, as a program of its own, on an executor. Slower than a traced stage but
// without any cleverness: the path to debug with, and the oracle that traced programs must equal bit for bit.
import { invariant, present } from '../core/invariant.js';
import type { BoundProgram, Executor, LoadedProgram } from './executor.js';
import type { Attrs } from './graph.js';
import { type OpBackend, registerOpKernels } from './kernels.js';
import type { OpDefinition, TensorSpec } from './ops/definition.js';
import { at } from './ops/shapes.js';
import { definitionOf } from './ops/table.js';
import type { Port, Program } from './program.js';
import { GraphRecorder } from './recorder.js';
import { computeDtype, type HostArray, hostArray, sizeOf } from './shape.js';
import * as tf from './tf.js';

const BACKEND = 'pipetrain-ort';
/** Loaded programs are about 70 kB each; a run over ever-changing shapes must not collect them without end. */
const MOST_PROGRAMS = 1024;

interface Buffer {
  readonly array: HostArray;
  readonly dtype: TensorSpec['dtype'];
  references: number;
}

/** The type in which a tensor crosses the border of a program; booleans travel as 0 and 1. */
const portType = (dtype: TensorSpec['dtype']): Port['dtype'] => (dtype === 'bool' ? 'int32' : dtype);

/** A program of one call, with casts at its border where booleans come in or go out. */
function singleOpProgram(definition: OpDefinition, inputs: readonly TensorSpec[], attrs: Attrs): Program {
  const recorder = new GraphRecorder();
  const port = (name: string, spec: TensorSpec, value: number): Port => ({
    role: { kind: 'plain', name },
    value,
    shape: spec.shape,
    dtype: portType(spec.dtype),
  });
  const ports = inputs.map((spec, i) =>
    port(`x${i}`, spec, recorder.declare({ shape: spec.shape, dtype: portType(spec.dtype) })),
  );
  const operands = ports.map((p, i) => at(recorder.call('Cast', [p.value], { dtype: at(inputs, i).dtype }), 0));
  const results = recorder.call(definition.name, operands, attrs);
  const outputs = results.map((value, i) => {
    const spec = recorder.value(value);
    return port(`y${i}`, spec, at(recorder.call('Cast', [value], { dtype: portType(spec.dtype) }), 0));
  });
  return { name: definition.name, graph: recorder.graph(), inputs: ports, outputs };
}

class EagerBackend extends tf.KernelBackend implements OpBackend {
  readonly where = 'This computation';
  readonly #executor: Executor;
  readonly #buffers = new WeakMap<object, Buffer>();
  /** In order of last use. */
  readonly #programs = new Map<string, LoadedProgram>();
  #live = 0;

  constructor(executor: Executor) {
    super();
    this.#executor = executor;
  }

  runOp(definition: OpDefinition, inputs: readonly tf.TensorInfo[], attrs: Attrs): readonly tf.TensorInfo[] {
    const specs = inputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype: dtype as TensorSpec['dtype'] }));
    const simpler = definition.simplify?.(specs, attrs) ?? null;
    if (simpler !== null && 'op' in simpler) return this.runOp(definitionOf(simpler.op), [], simpler.attrs);
    const outputs = definition.infer(specs, attrs);
    // A view: the same numbers under another shape.
    if (simpler !== null || definition.name === 'Reshape' || definition.name === 'ExpandDims') {
      const { dataId } = at(inputs, simpler !== null ? simpler.alias : 0);
      this.incRef(dataId);
      return outputs.map(({ shape, dtype }) => ({ dataId, shape: [...shape], dtype: computeDtype(dtype) }));
    }
    const results = outputs.map((spec): Buffer => ({
      array: hostArray(portType(spec.dtype), spec.shape),
      dtype: spec.dtype,
      references: 1,
    }));
    if (outputs.some((spec) => sizeOf(spec.shape) > 0)) {
      const bound = this.#load(definition, specs, attrs).bind(
        inputs.map((x) => this.#buffer(x).array),
        results.map((result) => result.array),
      );
      runOnce(bound);
    }
    return outputs.map(({ shape, dtype }, i) => ({
      dataId: this.#store(at(results, i)),
      shape: [...shape],
      dtype: computeDtype(dtype),
    }));
  }

  #load(definition: OpDefinition, specs: readonly TensorSpec[], attrs: Attrs): LoadedProgram {
    const key = `${definition.key(attrs)} ${specs.map(({ shape, dtype }) => `${dtype}[${shape.join()}]`).join(' ')}`;
    const program = this.#programs.get(key) ?? this.#executor.load(singleOpProgram(definition, specs, attrs));
    this.#programs.delete(key);
    this.#programs.set(key, program);
    if (this.#programs.size > MOST_PROGRAMS) {
      const [oldest, leaving] = at([...this.#programs], 0);
      this.#programs.delete(oldest);
      leaving.free();
    }
    return program;
  }

  #store(buffer: Buffer): object {
    const dataId = {};
    this.#buffers.set(dataId, buffer);
    this.#live++;
    return dataId;
  }

  /** The numbers of a tensor; those of another backend's tensor are read from there. */
  #buffer({ dataId, dtype }: tf.TensorInfo): Buffer {
    return this.#buffers.get(dataId) ?? toBuffer(tf.engine().readSync(dataId), dtype);
  }

  override write(values: tf.BackendValues, _: number[], dtype: tf.DataType): object {
    return this.#store(toBuffer(values, dtype));
  }

  override move(dataId: object, values: tf.BackendValues, _: number[], dtype: tf.DataType, references: number): void {
    this.#buffers.set(dataId, { ...toBuffer(values, dtype), references });
    this.#live++;
  }

  override readSync(dataId: object): tf.BackendValues {
    const { array, dtype } = present(this.#buffers.get(dataId), 'the data of a tensor');
    return dtype === 'bool' ? Uint8Array.from(array) : (array.slice() as Float32Array | Int32Array);
  }

  override read(dataId: object): Promise<tf.BackendValues> {
    return Promise.resolve(this.readSync(dataId));
  }

  override refCount(dataId: object): number {
    return this.#buffers.get(dataId)?.references ?? 0;
  }

  override incRef(dataId: object): void {
    const buffer = this.#buffers.get(dataId);
    if (buffer !== undefined) buffer.references++;
  }

  override disposeData(dataId: object, force = false): boolean {
    const buffer = this.#buffers.get(dataId);
    if (buffer === undefined) return true;
    buffer.references--;
    if (!force && buffer.references > 0) return false;
    this.#buffers.delete(dataId);
    this.#live--;
    return true;
  }

  override async time(query: () => unknown): Promise<{ kernelMs: number }> {
    const begin = performance.now();
    await query();
    return { kernelMs: performance.now() - begin };
  }

  override numDataIds(): number {
    return this.#live;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {
    for (const program of this.#programs.values()) program.free();
    this.#programs.clear();
  }
}

function runOnce(bound: BoundProgram): void {
  try {
    bound.run();
  } finally {
    bound.free();
  }
}

function toBuffer(values: tf.BackendValues, dtype: tf.DataType): Buffer {
  invariant(
    dtype === 'float32' || dtype === 'int32' || dtype === 'bool',
    () => `tensors of ${dtype} are not supported`,
  );
  const numbers = values as ArrayLike<number>;
  return { array: dtype === 'float32' ? Float32Array.from(numbers) : Int32Array.from(numbers), dtype, references: 1 };
}

/**
 * Makes the eager backend known to TensorFlow.js and active; the returned function takes it away again and frees its
 * programs.
 */
export function registerEager(executor: Executor): () => void {
  const engine = tf.engine();
  registerOpKernels(BACKEND);
  const backend = new EagerBackend(executor);
  const previous: string | null | undefined = engine.backendName;
  invariant(
    engine.registerBackend(BACKEND, () => backend, 0),
    () => 'the eager backend is registered already',
  );
  void engine.setBackend(BACKEND);
  return () => {
    engine.removeBackend(BACKEND);
    if (previous != null && engine.backendNames().includes(previous)) void engine.setBackend(previous);
  };
}

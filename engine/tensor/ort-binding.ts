// OrtBindingExecutor (`ort-cpu-binding`): the fallback where the C interface cannot be reached. Runs programs through
// the binding of onnxruntime-node, which allocates every output anew, so results are copied into the caller's buffers:
// same bits, slower.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { Tensor } from '#ort-tensor';
import { messageOf, ModelError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import type { BoundProgram, ExecutorOptions, LoadedProgram } from './executor.js';
import { type HostTensor, loadProgram, type OnnxExecutor, type OnnxModel, type OnnxSession } from './onnx-executor.js';
import { ortFolder } from './ort-library.js';
import type { Program } from './program.js';
import { runFailure } from './run-failure.js';
import { dtypeOf, type HostArray, hostArray, sizeOf } from './shape.js';
import { loadWithWidePorts } from './wide-ports.js';

const LOG_FATAL = 4;
const HINT =
  'A missing implementation means an operator without a kernel on this device; an index error means an ' +
  'input out of range.';

/** The part of the native module that is used: the synchronous session below the package's asynchronous one. */
interface Binding {
  readonly InferenceSession: new () => BindingSession;
  /** Gives the module the class that results are of; once in each thread. */
  initOrtOnce(logLevel: number, tensor: typeof Tensor, isMainThread: boolean): void;
}
interface BindingSession {
  loadModel(buffer: ArrayBuffer, offset: number, length: number, options: object): void;
  run(feeds: Readonly<Record<string, Tensor>>, fetches: Readonly<Record<string, null>>, options: object): Results;
  dispose(): void;
}
type Results = Readonly<Record<string, Tensor>>;

export class OrtBindingExecutor implements OnnxExecutor {
  readonly name = 'ort-cpu-binding';
  readonly options: ExecutorOptions;
  readonly kernelThreads = 0;
  readonly fallbackReason: string | null;
  readonly #binding: Binding;
  readonly #sessions = new Set<BindingOnnxSession>();
  #closed = false;

  /** `fallbackReason` says why the C interface is not in use. Throws where the binding cannot be loaded. */
  constructor(options: ExecutorOptions, fallbackReason: string | null = null) {
    this.options = options;
    this.fallbackReason = fallbackReason;
    const require = createRequire(import.meta.url);
    this.#binding = require(join(ortFolder().folder, 'onnxruntime_binding.node')) as Binding;
    this.#binding.initOrtOnce(LOG_FATAL, Tensor, isMainThread);
  }

  load(program: Program): LoadedProgram {
    return loadWithWidePorts(program, (wide) => loadProgram(this, wide));
  }

  loadModel(model: OnnxModel): OnnxSession {
    invariant(!this.#closed, () => `${model.name}: the executor is closed`);
    const native = new this.#binding.InferenceSession();
    // The binding wants an ArrayBuffer that is no shared one.
    const bytes = Uint8Array.from(model.bytes);
    guard(`Program "${model.name}" cannot be loaded by ${this.name}`, () =>
      native.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
        graphOptimizationLevel: 'disabled',
        executionMode: 'sequential',
        intraOpNumThreads: this.options.threads,
        interOpNumThreads: 1,
        logSeverityLevel: 4,
        extra: { session: { intra_op: { allow_spinning: '0' }, set_denormal_as_zero: '1' } },
      }),
    );
    const session = new BindingOnnxSession(native, model, () => this.#sessions.delete(session));
    this.#sessions.add(session);
    return session;
  }

  close(): void {
    this.#closed = true;
    for (const session of [...this.#sessions]) session.free();
  }
}

class BindingOnnxSession implements OnnxSession {
  readonly #native: BindingSession;
  readonly #model: OnnxModel;
  readonly #onFree: () => void;
  #freed = false;

  constructor(native: BindingSession, model: OnnxModel, onFree: () => void) {
    this.#native = native;
    this.#model = model;
    this.#onFree = onFree;
  }

  bind(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): BoundProgram {
    const { name, inputNames, outputNames } = this.#model;
    invariant(
      inputs.length === inputNames.length && outputs.length === outputNames.length,
      () => `${name}: ${inputs.length}/${outputs.length} buffers for ${inputNames.length}/${outputNames.length} ports`,
    );
    for (const { data, dims } of [...inputs, ...outputs])
      invariant(sizeOf(dims) === data.length, () => `${name}: dims [${dims.join()}] for ${data.length} elements`);
    const staged = inputs.map(({ data }) => stage(data));
    const feeds = Object.fromEntries(
      inputs.map(({ data, dims }, i) => [
        present(inputNames[i], 'an input name'),
        new Tensor(data instanceof Float32Array ? 'float32' : 'int32', present(staged[i], 'a buffer'), dims),
      ]),
    );
    const fetches = Object.fromEntries(outputNames.map((output) => [output, null]));
    let isFreed = false;
    return {
      run: () => {
        invariant(!isFreed && !this.#freed, () => `${name}: the binding is freed`);
        inputs.forEach(({ data }, i) => {
          const copy = present(staged[i], 'a buffer');
          if (copy !== data) copy.set(data);
        });
        const results = this.#run(feeds, fetches);
        outputs.forEach((output, i) =>
          copyResult(name, present(results[present(outputNames[i], 'a name')], 'a result'), output),
        );
      },
      free: () => {
        isFreed = true;
      },
    };
  }

  #run(feeds: Readonly<Record<string, Tensor>>, fetches: Readonly<Record<string, null>>): Results {
    try {
      return this.#native.run(feeds, fetches, {});
    } catch (error) {
      throw runFailure({
        program: this.#model.name,
        executor: 'ort-cpu-binding',
        reason: messageOf(error),
        hint: HINT,
        cause: error,
      });
    }
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#native.dispose();
    this.#onFree();
  }
}

/**
 * Memory that the binding accepts for a buffer: the buffer, or a copy to be refreshed before each run where it is
 * shared memory.
 */
function stage(data: HostArray): HostArray {
  if (!(data.buffer instanceof SharedArrayBuffer)) return data;
  return hostArray(dtypeOf(data), [data.length]);
}

function copyResult(program: string, result: Tensor, { data, dims }: HostTensor): void {
  const isExpected = result.dims.length === dims.length && result.dims.every((size, i) => size === dims[i]);
  if (!isExpected)
    throw new ModelError(
      'PT_EXECUTOR',
      `Program "${program}" returns the shape [${result.dims.join()}] where [${dims.join()}] is bound`,
      'This is a defect of the model definition or of an op; please report it with the model.',
    );
  data.set(result.data as HostArray);
}

/** Turns what the binding throws into a ModelError that begins with `what`. */
function guard<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new ModelError('PT_EXECUTOR', `${what}: ${messageOf(error)}`, HINT, { cause: error });
  }
}

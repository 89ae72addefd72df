// OrtDeviceExecutor (`ort-webgpu`, `ort-cuda`): runs programs with ONNX Runtime on a device that has memory of its own.
// Inputs and outputs are the caller's host memory, tied through I/O binding, which copies them at each run; everything
// between stays on the device.
import { invariant, present } from '../core/invariant.js';
import type { BoundProgram, ExecutorOptions, LoadedProgram } from './executor.js';
import type { Pointer } from './native.js';
import { type HostTensor, loadProgram, type OnnxExecutor, type OnnxModel, type OnnxSession } from './onnx-executor.js';
import { NativeStrings, OrtApi } from './ort-api.js';
import { ortLibraryPath } from './ort-library.js';
import { appendProvider, findCuda, type OrtProvider } from './ort-provider.js';
import { OrtValues } from './ort-values.js';
import type { Program } from './program.js';

// Enumerations of the C interface.
const LOG_FATAL = 4;
const SEQUENTIAL = 0;
const OPTIMIZE_NOTHING = 0;
const ALLOCATOR_DEVICE = 0;
const MEMORY_DEFAULT = 0;

const INSTALL_HINT = 'Run "pipetrain devices"; it says what this device lacks. --devices cpu:N works without it.';
const LOAD_HINT =
  'If the message says that an implementation is missing, write the model with other ops, or use --devices cpu:N.';
const RUN_HINT =
  'If the message speaks of an index, some input lies outside its range; if of memory, use a smaller micro-batch.';

export class OrtDeviceExecutor implements OnnxExecutor {
  readonly name: string;
  readonly kernelThreads = 0;
  readonly fallbackReason = null;
  readonly options: ExecutorOptions;
  readonly #api: OrtApi;
  readonly #env: Pointer;
  readonly #hostMemory: Pointer;
  readonly #provider: OrtProvider;
  readonly #sessions = new Set<DeviceSession>();
  #closed = false;

  /** Throws a ModelError (PT_EXECUTOR) where the library has no such provider, or the provider finds no device. */
  constructor(name: string, provider: OrtProvider, options: ExecutorOptions) {
    this.name = name;
    this.options = options;
    const api = new OrtApi(ortLibraryPath(provider.kind === 'cuda' ? findCuda() : undefined));
    this.#api = api;
    const { call } = api;
    this.#env = api.create('ONNX Runtime does not start', INSTALL_HINT, (out) =>
      call.createEnv(LOG_FATAL, 'pipetrain', out),
    );
    this.#hostMemory = api.create('ONNX Runtime has no memory description', INSTALL_HINT, (out) =>
      call.createCpuMemoryInfo(ALLOCATOR_DEVICE, MEMORY_DEFAULT, out),
    );
    this.#provider = provider;
    try {
      // Says at once where the device cannot be had.
      call.releaseSessionOptions(this.#newOptions());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Options for one session. The WebGPU provider counts its sessions by their options: sessions that share them free
   * its device too early.
   */
  #newOptions(): Pointer {
    const api = this.#api;
    const { call } = api;
    const handle = api.create('ONNX Runtime has no session options', INSTALL_HINT, (out) =>
      call.createSessionOptions(out),
    );
    const set = (what: string, status: Pointer | null): void =>
      api.check(status, `${this.name}: ONNX Runtime refuses ${what}`, INSTALL_HINT);
    try {
      // As on the CPU: its optimizer would make bits depend on where a pipeline is cut.
      set('the graph optimization level', call.setGraphOptimizationLevel(handle, OPTIMIZE_NOTHING));
      set('the execution mode', call.setSessionExecutionMode(handle, SEQUENTIAL));
      set('the number of threads', call.setIntraOpThreads(handle, this.options.threads));
      appendProvider(api, handle, this.name, this.#provider);
      return handle;
    } catch (error) {
      call.releaseSessionOptions(handle);
      throw error;
    }
  }

  load(program: Program): LoadedProgram {
    return loadProgram(this, program);
  }

  loadModel(model: OnnxModel): OnnxSession {
    invariant(!this.#closed, () => `${model.name}: the executor is closed`);
    const { call } = this.#api;
    const options = this.#newOptions();
    let handle: Pointer;
    try {
      handle = this.#api.create(`Program "${model.name}" cannot be loaded by ${this.name}`, LOAD_HINT, (out) =>
        call.createSessionFromArray(this.#env, model.bytes, model.bytes.byteLength, options, out),
      );
    } finally {
      call.releaseSessionOptions(options);
    }
    const session = new DeviceSession({
      name: this.name,
      api: this.#api,
      memory: this.#hostMemory,
      handle,
      model,
      onFree: () => this.#sessions.delete(session),
    });
    this.#sessions.add(session);
    return session;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of [...this.#sessions]) session.free();
    const { call } = this.#api;
    call.releaseMemoryInfo(this.#hostMemory);
    call.releaseEnv(this.#env);
  }
}

interface SessionParts {
  readonly name: string;
  readonly api: OrtApi;
  readonly memory: Pointer;
  readonly handle: Pointer;
  readonly model: OnnxModel;
  readonly onFree: () => void;
}

class DeviceSession implements OnnxSession {
  readonly #parts: SessionParts;
  readonly #bindings = new Set<BoundProgram>();
  #freed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  bind(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): BoundProgram {
    const { name: executor, api, memory, handle, model } = this.#parts;
    const { name, inputNames, outputNames } = model;
    invariant(!this.#freed, () => `${name} is freed`);
    invariant(
      inputs.length === inputNames.length && outputs.length === outputNames.length,
      () => `${name}: ${inputs.length}/${outputs.length} buffers for ${inputNames.length}/${outputNames.length} ports`,
    );
    const { call } = api;
    const values = new OrtValues(api, memory, name, [...inputs, ...outputs]);
    const native = api.create(`Program "${name}" cannot be bound`, RUN_HINT, (out) =>
      call.createIoBinding(handle, out),
    );
    const [from, to] = [inputNames, outputNames].map((names) => names.map((text) => new NativeStrings([text]))) as [
      NativeStrings[],
      NativeStrings[],
    ];
    const run = { program: name, executor, hint: RUN_HINT };
    const tie = (status: Pointer | null): void => api.checkRun(status, run);
    let isLive = true;
    const binding: BoundProgram = {
      run: () => {
        invariant(isLive, () => `${name}: the binding is freed`);
        // Binding is what copies an input to the device, so it is done anew for every run.
        from.forEach((text, i) => tie(call.bindInput(native, text.first, values.at(i))));
        to.forEach((text, i) => tie(call.bindOutput(native, text.first, values.at(inputs.length + i))));
        tie(call.runWithBinding(handle, null, native));
        tie(call.synchronizeBoundOutputs(native));
      },
      free: () => {
        if (!isLive) return;
        isLive = false;
        call.releaseIoBinding(native);
        values.release();
        this.#bindings.delete(binding);
      },
    };
    this.#bindings.add(binding);
    return binding;
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const binding of [...this.#bindings]) binding.free();
    this.#parts.api.call.releaseSession(present(this.#parts.handle, 'a session'));
    this.#parts.onFree();
  }
}

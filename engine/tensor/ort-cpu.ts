// OrtCpuExecutor (`ort-cpu`): runs programs with ONNX Runtime through its C interface. Inputs and outputs are the
// caller's own memory, bound once; a run is one synchronous native call without copies.
import { invariant, present } from '../core/invariant.js';
import type { BoundProgram, ExecutorOptions, LoadedProgram } from './executor.js';
import { missingForKernels } from './jit/cpu-features.js';
import { KernelLibrary } from './jit/kernel-library.js';
import type { Pointer } from './native.js';
import { type HostTensor, loadProgram, type OnnxExecutor, type OnnxModel, type OnnxSession } from './onnx-executor.js';
import { NativeStrings, OrtApi } from './ort-api.js';
import { registerArena } from './ort-arena.js';
import { ortLibraryPath } from './ort-library.js';
import { OrtValues } from './ort-values.js';
import type { Program } from './program.js';

// Enumerations of the C interface.
const LOG_FATAL = 4;
const SEQUENTIAL = 0;
const OPTIMIZE_NOTHING = 0;
const ALLOCATOR_ARENA = 1;
const MEMORY_DEFAULT = 0;

const INSTALL_HINT = 'Run "pipetrain doctor"; it checks the installation of ONNX Runtime and koffi.';
const LOAD_HINT =
  'If the message says that an implementation is missing, this device has no kernel for that operator: write ' +
  'the model with other ops.';
const RUN_HINT =
  'If the message speaks of an index, some input lies outside its range, e.g. a token id beyond the vocabulary.';

export class OrtCpuExecutor implements OnnxExecutor {
  readonly name = 'ort-cpu';
  readonly fallbackReason = null;
  readonly options: ExecutorOptions;
  readonly #api: OrtApi;
  readonly #env: Pointer;
  readonly #memory: Pointer;
  readonly #sessionOptions: Pointer;
  readonly #kernels: KernelLibrary | null;
  readonly #sessions = new Set<OrtSession>();
  #closed = false;

  /** Throws where the library or koffi cannot be loaded on this platform. */
  constructor(options: ExecutorOptions) {
    this.options = options;
    const api = new OrtApi(ortLibraryPath());
    this.#api = api;
    // Errors come back as statuses; the log would only repeat them on stderr.
    this.#env = api.create('ONNX Runtime does not start', INSTALL_HINT, (out) =>
      api.call.createEnv(LOG_FATAL, 'pipetrain', out),
    );
    this.#memory = api.create('ONNX Runtime has no memory description', INSTALL_HINT, (out) =>
      api.call.createCpuMemoryInfo(ALLOCATOR_ARENA, MEMORY_DEFAULT, out),
    );
    this.#sessionOptions = newSessionOptions(api, options);
    registerArena(api, this.#env, this.#memory);
    this.#kernels = options.kernels === 'off' || missingForKernels() !== null ? null : openKernels(api);
  }

  get kernelThreads(): number {
    return this.#kernels === null ? 0 : this.options.threads;
  }

  load(program: Program): LoadedProgram {
    return loadProgram(this, program);
  }

  loadModel(model: OnnxModel): OnnxSession {
    invariant(!this.#closed, () => `${model.name}: the executor is closed`);
    const { call } = this.#api;
    const { kernels = [] } = model;
    invariant(
      kernels.length === 0 || this.#kernels !== null,
      () => `${model.name} wants kernels, this executor has none`,
    );
    const domain = kernels.length === 0 ? null : present(this.#kernels, 'kernels').domain(kernels);
    const options = domain === null ? this.#sessionOptions : newSessionOptions(this.#api, this.options);
    if (domain !== null)
      this.#api.check(call.addCustomOpDomain(options, domain), 'ONNX Runtime refuses our operators', INSTALL_HINT);
    const handle = this.#api.create(`Program "${model.name}" cannot be loaded by ${this.name}`, LOAD_HINT, (out) =>
      call.createSessionFromArray(this.#env, model.bytes, model.bytes.byteLength, options, out),
    );
    if (domain !== null) call.releaseSessionOptions(options);
    const session = new OrtSession(this.#api, this.#memory, handle, model, () => {
      if (domain !== null) call.releaseCustomOpDomain(domain);
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
    return session;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const session of [...this.#sessions]) session.free();
    const { call } = this.#api;
    call.releaseSessionOptions(this.#sessionOptions);
    call.releaseMemoryInfo(this.#memory);
    call.releaseEnv(this.#env);
    this.#kernels?.free();
  }
}

/** Null where the system forbids executable memory. */
function openKernels(api: OrtApi): KernelLibrary | null {
  try {
    return new KernelLibrary(api);
  } catch {
    return null;
  }
}

function newSessionOptions(api: OrtApi, options: ExecutorOptions): Pointer {
  const { call } = api;
  const handle = api.create('ONNX Runtime has no session options', INSTALL_HINT, (out) =>
    call.createSessionOptions(out),
  );
  const set = (what: string, status: Pointer | null): void =>
    api.check(status, `ONNX Runtime refuses the option ${what}`, INSTALL_HINT);
  // Its optimizer would fuse nodes across block borders, and then where a pipeline is cut would change the bits of the
  // result.
  set('graph optimization level', call.setGraphOptimizationLevel(handle, OPTIMIZE_NOTHING));
  set('execution mode', call.setSessionExecutionMode(handle, SEQUENTIAL));
  set('intra-op threads', call.setIntraOpThreads(handle, options.threads));
  set('inter-op threads', call.setInterOpThreads(handle, 1));
  set('shared memory', call.addSessionConfigEntry(handle, 'session.use_env_allocators', '1'));
  // Where attention must not look, softmax computes with numbers below the normal range, at a tenth of the speed; they
  // end as zeros anyway. The first session of a process settles it, for the calling thread and so for all that is
  // computed on it.
  set('flush to zero', call.addSessionConfigEntry(handle, 'session.set_denormal_as_zero', '1'));
  // Every session has a pool of its own; idle pools that spin would take the cores from the one that works.
  if (options.threads > 1) set('spinning', call.addSessionConfigEntry(handle, 'session.intra_op.allow_spinning', '0'));
  return handle;
}

/** One loaded model; owns its native session and what its live bindings hold. */
class OrtSession implements OnnxSession {
  readonly #api: OrtApi;
  readonly #memory: Pointer;
  readonly #handle: Pointer;
  readonly #model: OnnxModel;
  readonly #inputNames: NativeStrings;
  readonly #outputNames: NativeStrings;
  readonly #bindings = new Set<OrtBinding>();
  readonly #onFree: () => void;
  #freed = false;

  constructor(api: OrtApi, memory: Pointer, handle: Pointer, model: OnnxModel, onFree: () => void) {
    this.#api = api;
    this.#memory = memory;
    this.#handle = handle;
    this.#model = model;
    this.#inputNames = new NativeStrings(model.inputNames);
    this.#outputNames = new NativeStrings(model.outputNames);
    this.#onFree = onFree;
  }

  bind(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): BoundProgram {
    const { name, inputNames, outputNames } = this.#model;
    invariant(!this.#freed, () => `${name} is freed`);
    invariant(
      inputs.length === inputNames.length && outputs.length === outputNames.length,
      () => `${name}: ${inputs.length}/${outputs.length} buffers for ${inputNames.length}/${outputNames.length} ports`,
    );
    const { call } = this.#api;
    const values = new OrtValues(this.#api, this.#memory, name, [...inputs, ...outputs]);
    const outputsAddress = values.address + BigInt(inputs.length * BigUint64Array.BYTES_PER_ELEMENT);
    const binding = new OrtBinding(
      () => {
        const status = call.run(
          this.#handle,
          null,
          this.#inputNames.address,
          values.address,
          inputs.length,
          this.#outputNames.address,
          outputs.length,
          outputsAddress,
        );
        if (status !== null) this.#api.checkRun(status, { program: name, executor: 'ort-cpu', hint: RUN_HINT });
      },
      () => {
        values.release();
        this.#bindings.delete(binding);
      },
    );
    this.#bindings.add(binding);
    return binding;
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const binding of [...this.#bindings]) binding.free();
    this.#api.call.releaseSession(this.#handle);
    this.#onFree();
  }
}

class OrtBinding implements BoundProgram {
  #run: (() => void) | null;
  readonly #release: () => void;

  constructor(run: () => void, release: () => void) {
    this.#run = run;
    this.#release = release;
  }

  run(): void {
    present(this.#run, 'a binding (it is freed)')();
  }

  free(): void {
    if (this.#run === null) return;
    // Dropping the closure drops the buffers too.
    this.#run = null;
    this.#release();
  }
}

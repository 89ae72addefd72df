// LibtorchExecutor (`torch-cpu`, `torch-cuda`): runs programs with the kernels of the PyTorch that is installed,
// through the C interface of its library. It needs neither Python nor a compiler.
import { env } from 'node:process';
import { invariant } from '../../core/invariant.js';
import type { Executor, ExecutorOptions, LoadedProgram } from '../executor.js';
import type { LogSumExpUse } from '../fused/log-sum-exp.js';
import type { Program } from '../program.js';
import { Aten } from './aten.js';
import type { TorchFolder } from './find-torch.js';
import { LibtorchProgram } from './libtorch-program.js';
import { type TorchDevice, TorchLibrary } from './torch-library.js';
import { TorchMemory } from './torch-memory.js';

/** What the matrix library of CUDA needs to give the same bits every time: two buffers of 4 MiB, and no others. */
const CUBLAS_WORKSPACE = ':4096:8';
/**
 * What the matrix library of the processor needs for a row of a product to have the same bits in whatever row it
 * stands: without it, products of few columns have not.
 */
const MKL_BITS = 'AUTO';

export class LibtorchExecutor implements Executor {
  readonly name: string;
  readonly threads: number;
  readonly logSumExp: LogSumExpUse;
  readonly aten: Aten;
  readonly memory: TorchMemory;
  readonly #programs = new Set<LibtorchProgram>();
  #closed = false;

  /** Throws a UsageError (PT_DEVICES) or a ModelError (PT_EXECUTOR) where that PyTorch is of no use here. */
  constructor(torch: TorchFolder, device: TorchDevice, options: ExecutorOptions) {
    this.name = `torch-${device.type}`;
    this.threads = options.threads;
    // The processor computes bf16 runs in float32, and there the rounded probabilities are needed.
    this.logSumExp = device.type === 'cpu' ? 'fp32' : 'gpu';
    // It is read when the first product is computed.
    if (device.type === 'cuda') env['CUBLAS_WORKSPACE_CONFIG'] ??= CUBLAS_WORKSPACE;
    else env['MKL_CBWR'] ??= MKL_BITS;
    const library = new TorchLibrary(torch.folder, device);
    this.aten = new Aten(library);
    this.memory = new TorchMemory(this.aten);
    const { call } = library;
    // Gradients are programs of their own. It is a setting of the thread.
    call.setGradMode(false);
    if (device.type === 'cpu') return;
    const context = call.globalContext();
    call.setDeterministicAlgorithms(context, true, false);
    call.setAllowTf32(context, false);
  }

  load(program: Program): LoadedProgram {
    invariant(!this.#closed, () => `${program.name}: the executor is closed`);
    const loaded = new LibtorchProgram(program, this);
    this.#programs.add(loaded);
    return loaded;
  }

  forget(program: LibtorchProgram): void {
    this.#programs.delete(program);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const program of [...this.#programs]) program.free();
    this.aten.free();
  }
}

// OnnxExecutor: an executor that also runs raw ONNX models, for the parts of the engine that write their own
// (optimizers, self-tests). The interface and the port checks that all such executors share; how a model is run is
// theirs.
import type { BoundProgram, Executor, ExecutorOptions, LoadedProgram } from './executor.js';
import { lowerProgram } from './lower.js';
import { type HostTensor, portTensors } from './port-tensors.js';
import type { Program } from './program.js';
import type { HostArray } from './shape.js';

export type { HostTensor } from './port-tensors.js';

/** A model file with the names of its inputs and outputs in binding order. `name` is for messages. */
export interface OnnxModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Names of the kernels among its operators. */
  readonly kernels?: readonly string[];
}

/** A loaded model. Dynamic dimensions take the sizes of each binding. */
export interface OnnxSession {
  bind(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): BoundProgram;
  free(): void;
}

export interface OnnxExecutor extends Executor {
  readonly options: ExecutorOptions;
  /** Why the preferred executor is not in use; null where it is. */
  readonly fallbackReason: string | null;
  /** Threads for which models may have our kernels among their operators; 0 where they may not. */
  readonly kernelThreads: number;
  /** Throws a ModelError (PT_EXECUTOR) where the device has no kernel for a node. */
  loadModel(model: OnnxModel): OnnxSession;
}

/** Whether an executor runs ONNX models too. */
export const runsOnnx = (executor: Executor): executor is OnnxExecutor => 'loadModel' in executor;

/** Lowers a program to ONNX and loads it. */
export function loadProgram(executor: OnnxExecutor, program: Program): LoadedProgram {
  return onnxProgram(
    program,
    executor.loadModel({ name: program.name, ...lowerProgram(program, executor.kernelThreads) }),
  );
}

/** A program whose lowered form is loaded already. */
export const onnxProgram = (program: Program, session: OnnxSession): LoadedProgram => new OnnxProgram(program, session);

/** A program on top of a session: adds the shapes of the ports and checks the buffers against them. */
class OnnxProgram implements LoadedProgram {
  readonly program: Program;
  readonly #session: OnnxSession;

  constructor(program: Program, session: OnnxSession) {
    this.program = program;
    this.#session = session;
  }

  bind(inputs: readonly HostArray[], outputs: readonly HostArray[]): BoundProgram {
    const { name } = this.program;
    return this.#session.bind(
      portTensors(`${name}: inputs`, this.program.inputs, inputs),
      portTensors(`${name}: outputs`, this.program.outputs, outputs),
    );
  }

  free(): void {
    this.#session.free();
  }
}

// OnnxExecutor: an executor that also runs raw ONNX models, for the parts of the engine that write their own (optimizers, self-tests).
// The interface and the port checks that all such executors share; how a model is run is theirs.
import { invariant, present } from '../core/invariant.js';
import type { BoundProgram, Executor, ExecutorOptions, LoadedProgram } from './executor.js';
import { lowerProgram } from './lower.js';
import type { Port, Program } from './program.js';
import { roleName } from './program.js';
import { sizeOf, type HostArray, type Shape } from './shape.js';

/** A caller's buffer and the shape that a run sees; the element type is the array's. */
export interface HostTensor {
  readonly data: HostArray;
  readonly dims: Shape;
}

/** A model file with the names of its inputs and outputs in binding order. `name` is for messages. */
export interface OnnxModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
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
  /** Throws a ModelError (PT_EXECUTOR) where the device has no kernel for a node. */
  loadModel(model: OnnxModel): OnnxSession;
}

/** Lowers a program to ONNX and loads it. */
export function loadProgram(executor: OnnxExecutor, program: Program): LoadedProgram {
  const { bytes, inputNames, outputNames } = lowerProgram(program);
  return new OnnxProgram(program, executor.loadModel({ name: program.name, bytes, inputNames, outputNames }));
}

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

function portTensors(what: string, ports: readonly Port[], buffers: readonly HostArray[]): HostTensor[] {
  invariant(ports.length === buffers.length, () => `${what}: ${ports.length} ports, ${buffers.length} buffers`);
  return ports.map((port, i) => {
    const data = present(buffers[i], `${what}: buffer ${i}`);
    const dtype = data instanceof Float32Array ? 'float32' : 'int32';
    invariant(
      dtype === port.dtype && data.length === sizeOf(port.shape),
      () =>
        `${what}: port "${roleName(port.role)}" is ${port.dtype}[${port.shape.join()}], ` +
        `its buffer ${dtype} with ${data.length} elements`,
    );
    return { data, dims: port.shape };
  });
}

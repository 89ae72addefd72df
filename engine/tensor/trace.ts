// Tracing: runs a function of tensors on a TensorFlow.js backend that computes nothing and writes down what it is asked
// for. The result is a graph. Data of a traced tensor does not exist; reading it is an error.
import { ModelError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import type { Attrs, Graph, Literal, ValueId } from './graph.js';
import { type OpBackend, registerOpKernels, undefinedOp } from './kernels.js';
import { fillAttrs } from './ops/creation.js';
import type { OpDefinition, TensorSpec } from './ops/definition.js';
import { at } from './ops/shapes.js';
import { GraphRecorder } from './recorder.js';
import { type ComputeDType, computeDtype } from './shape.js';
import * as tf from './tf.js';

const BACKEND = 'pipetrain-trace';

/** What a traced function may ask for besides its tensors. */
export interface TraceSession {
  /** One more input of the graph, behind those given; returns its value. */
  input(spec: TensorSpec): ValueId;
  /** A new tensor for a value of this trace. */
  tensor(value: ValueId): tf.Tensor;
}

export interface Trace {
  readonly graph: Graph;
  /** The given inputs, then those that the function asked for. */
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
}

export interface GradientTrace {
  readonly graph: Graph;
  readonly inputs: readonly ValueId[];
  readonly output: ValueId;
  /** The gradient of a later loss with respect to the output: an input of the graph with the output's shape. */
  readonly dy: ValueId;
  /**
   * Gradients with respect to the inputs named by `wrt`, in that order; zeros where the output does not depend on one.
   */
  readonly gradients: readonly ValueId[];
  /** The first nodes of the graph compute the output; those from here on compute gradients. */
  readonly numForwardNodes: number;
}

/** The end of a trace that was to go no further than to an op. */
export class StoppedTrace extends Error {}

/** An op on the way to the loss has no gradient. */
export class UndefinedGradientError extends ModelError {
  readonly op: string;

  constructor(label: string, op: string, cause: unknown) {
    super(
      'PT_GRADIENT_UNDEFINED',
      `${label} uses the op ${op} on the way from a parameter to the loss, and there is no gradient for it`,
      'Write it with other ops, which have a gradient, or compute that value from data alone.',
      { cause },
    );
    this.op = op;
  }
}

/** What stands for data in this backend; every tensor has its own, several may name one value. */
class TracedValue {
  readonly value: ValueId;
  constructor(value: ValueId) {
    this.value = value;
  }
}

class TraceBackend extends tf.KernelBackend implements OpBackend, TraceSession {
  readonly where: string;
  readonly recorder = new GraphRecorder();
  readonly extraInputs: ValueId[] = [];
  readonly #stopsAt: (op: string) => boolean;
  #live = 0;

  constructor(label: string, stopsAt: (op: string) => boolean) {
    super();
    this.where = label;
    this.#stopsAt = stopsAt;
  }

  runOp(definition: OpDefinition, inputs: readonly tf.TensorInfo[], attrs: Attrs): readonly tf.TensorInfo[] {
    if (this.#stopsAt(definition.name)) throw new StoppedTrace(definition.name);
    return this.recorder
      .call(
        definition.name,
        inputs.map((x) => this.idOf(x)),
        attrs,
      )
      .map((value) => this.#info(value));
  }

  input(spec: TensorSpec): ValueId {
    const value = this.recorder.declare(spec);
    this.extraInputs.push(value);
    return value;
  }

  tensor(value: ValueId): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.#info(value), this);
  }

  /**
   * The value behind a tensor. A tensor made before the trace, on whatever backend, is taken in with its present
   * numbers.
   */
  idOf(tensor: tf.TensorInfo): ValueId {
    if (tensor.dataId instanceof TracedValue) return tensor.dataId.value;
    return this.#literal(tf.engine().readSync(tensor.dataId), tensor.shape, tensor.dtype);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    return this.#handle(this.#literal(values, shape, dtype));
  }

  override readSync(): never {
    throw new ModelError(
      'PT_DATA_IN_TRACE',
      `${this.where} reads the numbers of a tensor (dataSync, data, arraySync, array or print) while it is traced`,
      'A model describes a computation once and for all batches: use tensor ops such as tf.where instead of ' +
        'looking at values.',
    );
  }

  override read(): never {
    return this.readSync();
  }

  override disposeData(): boolean {
    this.#live--;
    return true;
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
    this.#live = 0;
  }

  #literal(values: tf.BackendValues, shape: readonly number[], dtype: tf.DataType): ValueId {
    const type = supportedType(dtype, this.where);
    return this.recorder.literal({ shape: [...shape], dtype: type }, dataOf(values as ArrayLike<number>, type));
  }

  #handle(value: ValueId): TracedValue {
    this.#live++;
    return new TracedValue(value);
  }

  #info(value: ValueId): tf.TensorInfo {
    const { shape, dtype } = this.recorder.value(value);
    return { dataId: this.#handle(value), shape: [...shape], dtype: computeDtype(dtype) };
  }
}

/** The numbers as an array of their type: the given one where it is that. */
function dataOf(numbers: ArrayLike<number>, type: ComputeDType): Literal['data'] {
  if (type === 'float32') return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  if (type === 'int32') return numbers instanceof Int32Array ? numbers : Int32Array.from(numbers);
  return numbers instanceof Uint8Array ? numbers : Uint8Array.from(numbers);
}

function supportedType(dtype: tf.DataType, where: string): ComputeDType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new ModelError('PT_DTYPE', `${where} makes a tensor of ${dtype}`, 'Use float32, int32 or bool.');
}

/**
 * Records the ops of `fn`. Synchronous; leaves no tensor behind and the backend as it was. The first op for which
 * `stopsAt` says true ends it with a StoppedTrace, whose stack says who called that op.
 */
export function trace(
  label: string,
  inputs: readonly TensorSpec[],
  fn: (tensors: readonly tf.Tensor[], session: TraceSession) => readonly tf.Tensor[],
  stopsAt?: (op: string) => boolean,
): Trace {
  return withTraceBackend(label, record, stopsAt);

  function record(backend: TraceBackend): Trace {
    const given = inputs.map((spec) => backend.recorder.declare(spec));
    const outputs = fn(
      given.map((value) => backend.tensor(value)),
      backend,
    ).map((y) => backend.idOf(y));
    return { graph: backend.recorder.graph(), inputs: [...given, ...backend.extraInputs], outputs };
  }
}

/** Records the ops of `fn` and those of its gradients with respect to the inputs `wrt`, by TensorFlow.js' autodiff. */
export function traceGradients(
  label: string,
  inputs: readonly TensorSpec[],
  fn: (tensors: readonly tf.Tensor[], session: TraceSession) => tf.Tensor,
  wrt: readonly number[],
): GradientTrace {
  return withTraceBackend(label, (backend) => {
    const { recorder } = backend;
    const given = inputs.map((spec) => recorder.declare(spec));
    const tensors = given.map((value) => backend.tensor(value));
    const xs = wrt.map((i) => at(tensors, i));
    const forward: { output?: ValueId; dy?: ValueId; numForwardNodes: number } = { numForwardNodes: 0 };
    const traced = (): tf.Tensor => {
      const y = fn(tensors, backend);
      const dy = recorder.declare({ shape: y.shape, dtype: 'float32' });
      forward.output = backend.idOf(y);
      forward.dy = dy;
      forward.numForwardNodes = recorder.nodeCount;
      // Autodiff wants its seed before it has run the forward, when the shape is not known yet. So it starts from the
      // one of a scalar that stands for a later loss, and the symbolic gradient takes its place. (A seed of the
      // output's shape would be megabytes of ones.)
      return tf.customGrad(() => ({ value: tf.scalar(0), gradFunc: () => backend.tensor(dy) }))(y);
    };
    const grads: readonly (tf.Tensor | null | undefined)[] =
      xs.length === 0 ? (traced(), []) : tf.engine().gradients(traced, xs, undefined, true).grads;
    const gradients = xs.map((x, i) => {
      const gradient = grads[i];
      if (gradient != null) return backend.idOf(gradient);
      return at(recorder.call('Fill', [], fillAttrs({ shape: x.shape, dtype: 'float32' }, 0)), 0);
    });
    return {
      graph: recorder.graph(),
      inputs: [...given, ...backend.extraInputs],
      output: present(forward.output, 'the traced output'),
      dy: present(forward.dy, 'the traced gradient'),
      gradients,
      numForwardNodes: forward.numForwardNodes,
    };
  });
}

/** Runs `body` with a trace backend active, and puts everything back however it ends. */
function withTraceBackend<T>(
  label: string,
  body: (backend: TraceBackend) => T,
  stopsAt: (op: string) => boolean = () => false,
): T {
  const engine = tf.engine();
  const previous: string | null | undefined = engine.backendName;
  invariant(previous !== BACKEND, () => `${label} is traced inside of another trace`);
  registerOpKernels(BACKEND);
  const backend = new TraceBackend(label, stopsAt);
  engine.registerBackend(BACKEND, () => backend, 0);
  // Both calls are synchronous for a backend whose factory is; the promise carries nothing.
  void engine.setBackend(BACKEND);
  engine.startScope(label);
  try {
    return body(backend);
  } catch (error) {
    disposeTape(engine);
    throw translated(error, label);
  } finally {
    engine.endScope();
    engine.removeBackend(BACKEND);
    if (previous != null) void engine.setBackend(previous);
  }
}

/** What a failed forward kept for a backward that will not come. */
function disposeTape(engine: ReturnType<typeof tf.engine>): void {
  if (engine.state.gradientDepth > 0) return;
  for (const node of engine.state.activeTape ?? []) for (const tensor of node.saved ?? []) tensor.dispose();
}

/** Puts the errors of TensorFlow.js about missing ops and gradients into words for a person. */
function translated(error: unknown, label: string): unknown {
  const message = error instanceof Error ? error.message : '';
  const kernel = /Kernel '([^']+)' not registered/.exec(message)?.[1];
  if (kernel !== undefined) return undefinedOp(kernel, label);
  const op = /gradient function not found for ([^.]+)\./.exec(message)?.[1];
  return op === undefined ? error : new UndefinedGradientError(label, op, error);
}

// OnnxBuilder: writes a model file of the ONNX format, node by node. It knows the format, not the operators: whether a
// node makes sense is for the runtime that loads the model to say.
import { invariant } from '../core/invariant.js';
import { ProtobufWriter } from './protobuf.js';

export type OnnxDType = 'float32' | 'int32' | 'int64' | 'bool' | 'bfloat16';
/** A size, or the name of a size that is known at run time only. */
export type OnnxDim = number | string;
export type OnnxData = Float32Array | Int32Array | BigInt64Array | Uint8Array | readonly number[];

/** A constant tensor; `data` has as many elements as `dims` say (bool: 0 or 1). */
export interface OnnxTensor {
  readonly dtype: Exclude<OnnxDType, 'bfloat16'>;
  readonly dims: readonly number[];
  readonly data: OnnxData;
}

/** A plain number is an INT (and must be an integer), a list of numbers is INTS. */
export type OnnxAttribute =
  | number
  | { readonly float: number }
  | string
  | readonly number[]
  | { readonly floats: readonly number[] }
  | { readonly tensor: OnnxTensor }
  /**
   * A graph of its own, as `encodeGraph` returns it (the body of a Scan), and the values that it reads from the graph
   * around it.
   */
  | { readonly graph: Uint8Array; readonly captures: readonly string[] };
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

/** What a node has besides its operator, its values and its attributes. */
export interface OnnxNodeExtras {
  /** Domain of the operator; default: that of ONNX itself. */
  readonly domain?: string;
  /** What the node is named after, for messages of the runtime; default: its operator. A number makes it unique. */
  readonly label?: string;
}

// Numbers of the ONNX specification (onnx.proto). Operator set 20 is the first with Gelu.
const ELEMENT_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9, bfloat16: 16 } as const satisfies Record<
  OnnxDType,
  number
>;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;
const MODEL = { irVersion: 1, producer: 2, graph: 7, operatorSet: 8 } as const;
const OPERATOR_SET = { domain: 1, version: 2 } as const;
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12, value: 13 } as const;
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE = { name: 1, float: 2, int: 3, string: 4, tensor: 5, graph: 6, floats: 7, ints: 8, type: 20 } as const;
const TENSOR = { dims: 1, elementType: 2, name: 8, raw: 9 } as const;
const VALUE_INFO = { name: 1, type: 2 } as const;
const TYPE = { tensor: 1 } as const;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const SHAPE = { dim: 1 } as const;
const DIM = { value: 1, parameter: 2 } as const;

const IR_VERSION = 10;
const OPERATOR_SETS = [
  ['', 20],
  ['com.microsoft', 1],
] as const;

/** Elements as the little-endian bytes of a dtype (every platform that Node runs on is little-endian). */
function rawBytes(tensor: OnnxTensor, name: string): Uint8Array {
  const { dtype, dims, data } = tensor;
  const elements = dims.reduce((product, n) => product * n, 1);
  invariant(
    data.length === elements,
    () => `${name}: dims [${dims.join()}] want ${elements} elements, data has ${data.length}`,
  );
  const numbers = (): readonly number[] => Array.from(data, Number);
  const typed =
    dtype === 'float32'
      ? data instanceof Float32Array
        ? data
        : Float32Array.from(numbers())
      : dtype === 'int32'
        ? data instanceof Int32Array
          ? data
          : Int32Array.from(numbers())
        : dtype === 'bool'
          ? data instanceof Uint8Array
            ? data
            : Uint8Array.from(numbers())
          : data instanceof BigInt64Array
            ? data
            : BigInt64Array.from(numbers(), BigInt);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function writeTensor(writer: ProtobufWriter, name: string, tensor: OnnxTensor): void {
  for (const size of tensor.dims) writer.int(TENSOR.dims, size);
  writer.int(TENSOR.elementType, ELEMENT_TYPE[tensor.dtype]);
  if (name !== '') writer.text(TENSOR.name, name);
  writer.bytes(TENSOR.raw, rawBytes(tensor, name));
}

function writeAttribute(writer: ProtobufWriter, name: string, value: OnnxAttribute): void {
  writer.text(ATTRIBUTE.name, name);
  const type = (kind: keyof typeof ATTRIBUTE_TYPE): void => writer.int(ATTRIBUTE.type, ATTRIBUTE_TYPE[kind]);
  if (typeof value === 'number') {
    invariant(Number.isSafeInteger(value), () => `attribute ${name}: ${value} is no integer; write {float: ${value}}`);
    writer.int(ATTRIBUTE.int, value);
    type('int');
  } else if (typeof value === 'string') {
    writer.text(ATTRIBUTE.string, value);
    type('string');
  } else if ('float' in value) {
    writer.float(ATTRIBUTE.float, value.float);
    type('float');
  } else if ('floats' in value) {
    for (const item of value.floats) writer.float(ATTRIBUTE.floats, item);
    type('floats');
  } else if ('tensor' in value) {
    writer.message(ATTRIBUTE.tensor, (inner) => writeTensor(inner, '', value.tensor));
    type('tensor');
  } else if ('graph' in value) {
    writer.bytes(ATTRIBUTE.graph, value.graph);
    type('graph');
  } else {
    for (const item of value) writer.int(ATTRIBUTE.ints, item);
    type('ints');
  }
}

/** What the graphs among the attributes of a node read from around the node. */
export const capturedBy = (attributes: OnnxAttributes): readonly string[] =>
  Object.values(attributes).flatMap((value) =>
    typeof value === 'object' && 'captures' in value ? value.captures : [],
  );

/**
 * Collects a graph and encodes it as an ONNX model (operator set 20, plus `com.microsoft` 1). Nodes must come in an
 * order of execution.
 */
export class OnnxBuilder {
  readonly #graph = new ProtobufWriter();
  readonly #nodes: { readonly message: ProtobufWriter; readonly outputs: readonly string[] }[] = [];
  readonly #read = new Set<string>();
  readonly #defined = new Set<string>();
  readonly #outputs = new Set<string>();
  readonly #domains = new Set<string>();

  /** A graph input; a dimension given as text is known at run time only. */
  input(name: string, dtype: OnnxDType, dims: readonly OnnxDim[]): void {
    this.#define(name);
    this.#valueInfo(GRAPH.input, name, dtype, dims);
  }

  /** A graph output: the name of a value that some node defines, before or after this call. */
  output(name: string, dtype: OnnxDType, dims: readonly OnnxDim[]): void {
    invariant(!this.#outputs.has(name), () => `ONNX output ${name} is declared twice`);
    this.#outputs.add(name);
    this.#valueInfo(GRAPH.output, name, dtype, dims);
  }

  /** Shape of a value that the runtime cannot infer. */
  shape(name: string, dtype: OnnxDType, dims: readonly OnnxDim[]): void {
    this.#valueInfo(GRAPH.value, name, dtype, dims);
  }

  /** A constant inside the model. The data is copied now. */
  initializer(name: string, dtype: OnnxTensor['dtype'], dims: readonly number[], data: OnnxData): void {
    this.#define(name);
    this.#graph.message(GRAPH.initializer, (inner) => writeTensor(inner, name, { dtype, dims, data }));
  }

  /** A value of the graph around this one, which its nodes may read. */
  outer(name: string): void {
    this.#define(name);
  }

  /** One operator call. An empty name among the inputs (outputs) leaves out an optional input (output). */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: OnnxAttributes = {},
    { domain = '', label = operator }: OnnxNodeExtras = {},
  ): void {
    for (const name of [...inputs, ...capturedBy(attributes)]) {
      invariant(
        name === '' || this.#defined.has(name),
        () => `ONNX node ${operator} reads ${name} before it is defined`,
      );
      this.#read.add(name);
    }
    for (const name of outputs) if (name !== '') this.#define(name);
    const message = new ProtobufWriter();
    for (const name of inputs) message.text(NODE.input, name);
    for (const name of outputs) message.text(NODE.output, name);
    message.text(NODE.name, `${label}/${this.#nodes.length}`);
    message.text(NODE.operator, operator);
    for (const [name, value] of Object.entries(attributes))
      message.message(NODE.attribute, (attribute) => writeAttribute(attribute, name, value));
    if (domain !== '') message.text(NODE.domain, domain);
    this.#domains.add(domain);
    this.#nodes.push({ message, outputs });
  }

  /** The graph alone, for an attribute of a node. The builder must not be used afterwards. */
  encodeGraph(graphName: string): Uint8Array {
    for (const name of this.#outputs)
      invariant(this.#defined.has(name), () => `ONNX output ${name} of ${graphName} is never defined`);
    this.#graph.text(GRAPH.name, graphName);
    // The runtime orders nodes by a depth-first walk that begins at the last node whose results no other node reads. So
    // these stand at the end, the first of them last: then each is computed as soon as what it needs exists. Otherwise
    // a backward would compute the weight gradients of all layers at its end, from operands that have long left the
    // cache.
    const isRead = ({ outputs }: { outputs: readonly string[] }): boolean =>
      outputs.some((name) => this.#read.has(name));
    const ordered = [...this.#nodes.filter(isRead), ...this.#nodes.filter((node) => !isRead(node)).reverse()];
    for (const { message } of ordered) this.#graph.bytes(GRAPH.node, message.finish());
    return this.#graph.finish();
  }

  /** The model file. The builder must not be used afterwards. */
  encode(graphName: string): Uint8Array {
    const graph = this.encodeGraph(graphName);
    const model = new ProtobufWriter();
    model.int(MODEL.irVersion, IR_VERSION);
    model.text(MODEL.producer, 'pipetrain');
    const known = new Set<string>(OPERATOR_SETS.map(([domain]) => domain));
    const others = [...this.#domains].filter((domain) => !known.has(domain)).map((domain) => [domain, 1] as const);
    for (const [domain, version] of [...OPERATOR_SETS, ...others])
      model.message(MODEL.operatorSet, (inner) => {
        inner.text(OPERATOR_SET.domain, domain);
        inner.int(OPERATOR_SET.version, version);
      });
    model.bytes(MODEL.graph, graph);
    return model.finish();
  }

  #define(name: string): void {
    invariant(name !== '' && !this.#defined.has(name), () => `ONNX value "${name}" is defined twice, or has no name`);
    this.#defined.add(name);
  }

  #valueInfo(field: number, name: string, dtype: OnnxDType, dims: readonly OnnxDim[]): void {
    this.#graph.message(field, (info) => {
      info.text(VALUE_INFO.name, name);
      info.message(VALUE_INFO.type, (type) => writeTensorType(type, dtype, dims));
    });
  }
}

function writeTensorType(type: ProtobufWriter, dtype: OnnxDType, dims: readonly OnnxDim[]): void {
  type.message(TYPE.tensor, (tensor) => {
    tensor.int(TENSOR_TYPE.element, ELEMENT_TYPE[dtype]);
    tensor.message(TENSOR_TYPE.shape, (shape) => writeDims(shape, dims));
  });
}

function writeDims(shape: ProtobufWriter, dims: readonly OnnxDim[]): void {
  for (const dim of dims)
    shape.message(SHAPE.dim, (size) =>
      typeof dim === 'number' ? size.int(DIM.value, dim) : size.text(DIM.parameter, dim),
    );
}

// GraphRecorder: writes down a graph while it grows: inputs, literals, nodes. It knows shapes by the op table and
// nothing of TensorFlow.js.
import { present } from '../core/invariant.js';
import type { Attrs, Graph, Literal, Node, Value, ValueId } from './graph.js';
import { fillAttrs } from './ops/creation.js';
import type { TensorSpec } from './ops/definition.js';
import { at } from './ops/shapes.js';
import { definitionOf } from './ops/table.js';

export class GraphRecorder {
  readonly #values: Value[] = [];
  readonly #literals: Literal[] = [];
  readonly #nodes: Node[] = [];

  /** Number of nodes so far. */
  get nodeCount(): number {
    return this.#nodes.length;
  }

  /** What was recorded so far. */
  graph(): Graph {
    return { values: [...this.#values], literals: [...this.#literals], nodes: [...this.#nodes] };
  }

  value(id: ValueId): Value {
    return present(this.#values[id], `value ${id}`);
  }

  /** A new value that nothing defines yet: an input of the graph, or an output that `append` will define. */
  declare({ shape, dtype }: TensorSpec): ValueId {
    const id = this.#values.length;
    this.#values.push({ id, shape, dtype });
    return id;
  }

  /**
   * A constant; the data is copied. One value everywhere becomes a Fill, so that a graph never carries megabytes of
   * equal numbers.
   */
  literal(spec: TensorSpec, data: Literal['data']): ValueId {
    const first = data[0];
    if (data.length > 1 && first !== undefined && isUniform(data))
      return at(this.call('Fill', [], fillAttrs(spec, first)), 0);
    const id = this.declare(spec);
    this.#literals.push({ id, data: data.slice() });
    return id;
  }

  /** Records a call of an op and returns its outputs; calls that do no work return what they stand for. */
  call(op: string, inputs: readonly ValueId[], attrs: Attrs): readonly ValueId[] {
    const definition = definitionOf(op);
    const specs = inputs.map((id) => this.value(id));
    const simpler = definition.simplify?.(specs, attrs) ?? null;
    if (simpler !== null)
      return 'alias' in simpler ? [at(inputs, simpler.alias)] : this.call(simpler.op, [], simpler.attrs);
    const outputs = definition.infer(specs, attrs).map((spec) => this.declare(spec));
    this.append({ op, inputs, outputs, attrs });
    return outputs;
  }

  /** Appends a node whose outputs are declared already. */
  append(node: Node): void {
    this.#nodes.push(node);
  }
}

/**
 * Whether all elements are the same bits: then the bytes equal themselves shifted by one element. Autodiff makes zeros
 * of the size of every output that has no gradient, so this is asked about megabytes at a time.
 */
function isUniform(data: Literal['data']): boolean {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.compare(bytes.subarray(data.BYTES_PER_ELEMENT), bytes.subarray(0, -data.BYTES_PER_ELEMENT)) === 0;
}

// Fusions: where a kernel may read bfloat16 instead of what was widened from it, and write bfloat16 instead of what is
// rounded right away. It looks at a program and changes nothing; the numbers are the same either way.
import { ROUND, WIDEN } from './fused/rounding.js';
import type { Node, ValueId } from './graph.js';
import type { Program } from './program.js';

/** The same elements in the same order. */
const SAME_ELEMENTS = new Set(['Reshape', 'ExpandDims', 'Identity']);

export class Fusions {
  readonly #producers = new Map<ValueId, Node>();
  /** By the value that is rounded. */
  readonly #roundings = new Map<ValueId, Node>();

  constructor({ graph, inputs, outputs }: Program) {
    const given = new Set(inputs.map(({ value }) => value));
    const uses = new Map<ValueId, number>();
    const use = (id: ValueId): void => void uses.set(id, (uses.get(id) ?? 0) + 1);
    for (const { value } of outputs) use(value);
    for (const node of graph.nodes) {
      node.inputs.forEach(use);
      for (const id of node.outputs) if (!given.has(id)) this.#producers.set(id, node);
    }
    for (const node of graph.nodes) {
      const [from] = node.inputs;
      const isWritten = node.outputs.every((id) => !given.has(id));
      if (node.op === ROUND && from !== undefined && uses.get(from) === 1 && isWritten) this.#roundings.set(from, node);
    }
  }

  /** The bfloat16 value that this one is the widening of, perhaps in another shape; null where there is none. */
  halfOf(id: ValueId): ValueId | null {
    const producer = this.#producers.get(id);
    const from = producer?.inputs[0];
    if (producer === undefined || from === undefined) return null;
    if (producer.op === WIDEN) return from;
    return SAME_ELEMENTS.has(producer.op) ? this.halfOf(from) : null;
  }

  /** The rounding that alone reads a value; null where there is none. */
  roundingOf(id: ValueId): Node | null {
    return this.#roundings.get(id) ?? null;
  }
}

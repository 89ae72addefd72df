// Stitching: copies parts of graphs into a larger one, value by value. The nodes stay as they were traced,
// and say from then on where they came from.
import { present } from '../core/invariant.js';
import type { Graph, ValueId } from './graph.js';
import type { GraphRecorder } from './recorder.js';

/** One graph on its way into a recorder; remembers which value became which. */
export class Stitch {
  readonly #target: GraphRecorder;
  readonly #source: Graph;
  readonly #places: Map<ValueId, ValueId>;
  readonly #origin: string;

  /**
   * `inputs` says which values of the target stand for the inputs of the source; `origin` is what the copied nodes say
   * they belong to.
   */
  constructor(target: GraphRecorder, source: Graph, inputs: Iterable<readonly [ValueId, ValueId]>, origin: string) {
    this.#origin = origin;
    this.#target = target;
    this.#source = source;
    this.#places = new Map(inputs);
    for (const { id, data } of source.literals)
      this.#places.set(id, target.literal(present(source.values[id], `value ${id}`), data));
  }

  /** Gives one more input of the source its place. */
  connect(input: ValueId, place: ValueId): void {
    this.#places.set(input, place);
  }

  /** Copies the nodes from index `from` up to, without, `to`. */
  append(from: number, to: number): void {
    for (const node of this.#source.nodes.slice(from, to)) {
      const inputs = node.inputs.map((id) => this.at(id));
      const outputs = node.outputs.map((id) => {
        const place = this.#target.declare(present(this.#source.values[id], `value ${id}`));
        this.#places.set(id, place);
        return place;
      });
      this.#target.append({ ...node, inputs, outputs, origin: this.#origin });
    }
  }

  /** The value of the target that a value of the source became. */
  at(id: ValueId): ValueId {
    return present(this.#places.get(id), `the place of value ${id}`);
  }
}

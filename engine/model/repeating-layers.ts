// RepeatingLayers: the middle of a model whose layers are all alike: the same blocks with parameters of the same shapes
// that compute the same. Only there can a layer stand for another one. It looks at graphs, never at names, and computes
// nothing.
import type { DataInfo } from '../data/dataset.js';
import type { Shape } from '../tensor/shape.js';
import type { Block, Model } from './block.js';
import { type BlockGraph, traceBlock } from './block-graph.js';
import { digestOf } from './model-digest.js';
import { sharesParameters } from './shared-parameters.js';

export interface RepeatingLayers {
  /** The first of them, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Layers of the whole model. */
  readonly numLayers: number;
  /** Indices of the blocks of a layer, in order. */
  readonly blocksOf: (layer: number) => readonly number[];
}

/** Of one, an axis could not be told from one that is not there. */
const MICRO_BATCH = 2;

/** The longest run of layers that are alike, the lowest of several; `count` is 0 where the model has no layers. */
export function repeatingLayers(model: Model, data: DataInfo): RepeatingLayers {
  const kinds = kindsOf(model, data);
  const numLayers = Math.max(-1, ...model.blocks.map(({ layer }) => layer ?? -1)) + 1;
  const blocksOf = (layer: number): number[] =>
    [...model.blocks.keys()].filter((index) => model.blocks[index]?.layer === layer);
  const kindOf = (layer: number): string => {
    const blocks = blocksOf(layer);
    // A layer that lies in pieces is like no other, nor is one whose parameters are not its own alone.
    const isWhole = blocks.every(
      (block, i) => (i === 0 || block === (blocks[i - 1] ?? 0) + 1) && !sharesParameters(model, block),
    );
    return isWhole ? blocks.map((block) => kinds[block]).join() : `layer ${layer}`;
  };
  let best = { first: 0, count: 0 };
  for (let first = 0; first < numLayers;) {
    let end = first + 1;
    while (end < numLayers && kindOf(end) === kindOf(first) && follows(blocksOf(end - 1), blocksOf(end))) end++;
    if (end - first > best.count) best = { first, count: end - first };
    first = end;
  }
  return { ...best, numLayers, blocksOf };
}

const follows = (below: readonly number[], above: readonly number[]): boolean => (below.at(-1) ?? 0) + 1 === above[0];

/** What a block is, apart from its name and its place: equal for two that can stand for each other. */
function kindsOf(model: Model, data: DataInfo): string[] {
  let input: Shape | null = null;
  return model.blocks.map((block, index) => {
    const graph = traceBlock(
      { model: { ...model, precision: 'fp32' }, data, microBatch: MICRO_BATCH, isTraining: true },
      index,
      input,
    );
    const kind = digestOf([partsOf(block), input, ...placeless(graph)]);
    input = graph.outputShape;
    return kind;
  });
}

const partsOf = ({ kind, precision, closing, params }: Block): unknown => [
  kind,
  precision ?? null,
  closing ?? null,
  Object.entries(params).map(([name, { shape, decay }]) => [name, shape, decay]),
];

const placeless = ({ graph, inputs, output, outputShape }: BlockGraph): unknown[] => [
  graph,
  inputs.map(({ role, value }) => ['block' in role ? { ...role, block: null } : role, value] as const),
  output,
  outputShape,
];

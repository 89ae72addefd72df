// The digest of a model: what its blocks compute, and how their parameters lie. Two processes with equal digests train
// the same model, whatever file it came from. Initial values do not count: whoever joins a run is given the state of
// it.
import { createHash } from 'node:crypto';
import type { DataInfo } from '../data/dataset.js';
import type { Model } from './block.js';
import { StageGraph } from './stage-graph.js';

/** SHA-256, as hex, over names and parameters of all blocks and the traced forward up to the loss. */
export function modelDigest(model: Model, data: DataInfo, microBatch: number): string {
  const stage = new StageGraph({ model, data, microBatch, isTraining: true }, 0, model.blocks.length, null);
  stage.objective('loss');
  const blocks = model.blocks.map(({ name, kind, layer, params }) => [
    name,
    kind,
    layer,
    Object.entries(params).map(([param, { shape, decay, sharedWith }]) => [
      param,
      shape,
      decay,
      ...(sharedWith === undefined ? [] : [sharedWith]),
    ]),
  ]);
  return digestOf([model.name, blocks, [...stage.roles], stage.graph()]);
}

/** SHA-256, as hex, over graphs and what belongs to them. */
export const digestOf = (content: unknown): string =>
  createHash('sha256').update(JSON.stringify(content, plain)).digest('hex');

/**
 * Typed arrays as their bytes: numbers as text would lose none, but take longer; what JSON has no number for by its
 * name. Where a node came from is for messages and says nothing that names and graph do not.
 */
const plain = (key: string, value: unknown): unknown =>
  key === 'origin'
    ? undefined
    : ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
      : typeof value === 'number' && !Number.isFinite(value)
        ? String(value)
        : value;

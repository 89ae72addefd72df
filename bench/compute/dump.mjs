// What the other side starts from: parameters and fields in one file, one after another, and a list of them in another.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {import('#dist/engine/index.js').Block} Block */
/** @typedef {import('#dist/engine/model/slab.js').SlabLayout} SlabLayout */
/** @typedef {import('#dist/engine/tensor/shape.js').HostArray} HostArray */

/**
 * @param {string} folder
 * @param {Pick<import('./models.mjs').MeasuredModel, 'kind' | 'sizes'>} model
 * @param {readonly { block: Block, layout: SlabLayout, weights: Float32Array }[]} slabs
 * @param {readonly { name: string, shape: readonly number[], dtype: string, buffer: HostArray }[]} fields
 * @param {typeof import('#dist/engine/model/slab.js').entryView} entryView Of the build that made the slabs.
 */
export function dumpTensors(folder, { kind, sizes }, slabs, fields, entryView) {
  const tensors = [
    ...slabs.flatMap(({ block, layout, weights }) =>
      layout.entries.map((entry) => ({
        name: `${block.name}/${entry.name}`,
        shape: entry.shape,
        dtype: 'float32',
        decays: entry.decays,
        /** @type {HostArray} */
        data: entryView(weights, entry),
      })),
    ),
    ...fields.map(({ name, shape, dtype, buffer }) => ({
      name: `field/${name}`,
      shape,
      dtype,
      decays: false,
      data: buffer,
    })),
  ];
  writeFileSync(
    join(folder, 'tensors.bin'),
    Buffer.concat(tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))),
  );
  const entries = tensors.map(({ data: _, ...entry }) => entry);
  writeFileSync(join(folder, 'tensors.json'), JSON.stringify({ kind, sizes, entries }));
}

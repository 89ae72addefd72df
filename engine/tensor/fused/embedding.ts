// embedding: rows of a table by index. Its gradient adds rows of equal index in the order of the indices.
import { noGradient } from '../gradients/broadcasting.js';
import { numberAttr } from '../ops/attributes.js';
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { inside, reshape } from '../ops/emit.js';
import { sumByIndex } from '../ops/gather.js';
import { at } from '../ops/shapes.js';
import { sizeOf } from '../shape.js';
import type { GradConfig, Tensor } from '../tf.js';
import { defineGradient, firstOf, runOne } from './gradient.js';

export const embeddingOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtEmbedding',
    inputs: ['ids', 'table'],
    infer: (inputs) => [{ shape: [...at(inputs, 0).shape, at(at(inputs, 1).shape, 1)], dtype: 'float32' }],
    emit: (e) => e.finish('Gather', [e.input(1).name, inside(e, e.input(0).name)], { axis: 0 }),
  }),
  defineOp({
    name: 'PtEmbeddingGrad',
    inputs: ['dy', 'ids'],
    infer: (inputs, attrs) => [{ shape: [numberAttr(attrs, 'rows'), at(at(inputs, 0).shape, -1)], dtype: 'float32' }],
    emit: (e) => {
      const size = [sizeOf(e.input(1).shape), at(e.input(0).shape, -1)] as const;
      const [[count, width], rows] = [size, numberAttr(e.attrs, 'rows')];
      const { name, dtype } = e.input(1);
      if (e.hasKernels && dtype === 'int32' && count * width * rows > 0)
        e.finishKernel({ kind: 'embedding gradient', count, rows, width }, [e.input(0).name, name]);
      else e.finish('Identity', [sumByIndex(e, reshape(e, e.input(0).name, size), name, size, rows)]);
    },
  }),
];

const embeddingGradient: GradConfig = {
  kernelName: 'PtEmbedding',
  inputsToSave: ['ids', 'table'],
  gradFunc: (dys, saved) => {
    const [ids, table] = [at(saved, 0), at(saved, 1)];
    return {
      ids: noGradient(ids),
      table: () => runOne('PtEmbeddingGrad', { dy: firstOf(dys), ids }, { rows: at(table.shape, 0) }),
    };
  },
};

/** Rows of `table` [V, D] for `ids` int32 [...]: [..., D]. Every id must lie in 0..V-1; the run fails otherwise. */
export function embedding(ids: Tensor, table: Tensor): Tensor {
  defineGradient(embeddingGradient);
  return runOne('PtEmbedding', { ids, table });
}

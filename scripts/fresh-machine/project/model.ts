// A model file, as a user writes one: `pipetrain train --model ./model.ts` reads it, and the compiler checks it.
import { bias, defineBlock, defineInputBlock, defineModel, matrix, type Model, nn, tf, z } from 'pipetrain';

export const model = defineModel({
  name: 'fresh',
  summary: 'one hidden layer over each token',
  options: z.strictObject({ width: z.number().int().positive().default(16) }),
  defaults: { epochs: 1, batch: 16, lr: '2e-3' },
  build({ width }, { vocabulary }): Model {
    const V = vocabulary ?? 0;
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { table: matrix([V, width]) },
      forward: (p, c) => nn.embedding(c.field('tokens'), p.table),
    });
    const mlp = defineBlock({
      name: 'mlp',
      kind: 'mlp',
      layer: 0,
      params: { w: matrix([width, width]) },
      forward: (x, p) => tf.add(x, tf.relu(nn.linear(x, p.w))),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { w: matrix([width, V]), b: bias(V) },
      forward: (x, p) => nn.linear(x, p.w, p.b),
    });
    return {
      name: 'fresh',
      blocks: [embed, mlp, head],
      loss: (y, c) => tf.mean(nn.crossEntropy(y, c.field('targets')), -1),
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

// Two towers and a contrastive loss, as CLIP: one reads the first half of a text, the other the second half, and every
// half is to know its other half among those of its micro-batch. Both towers run in one pipeline, side by side in one
// tensor [B, 2, S, D]. What a sample is compared with are the samples of its micro-batch (32 here), however many
// workers there are: a larger one (--micro-batch) makes the task harder, another shape of the run changes nothing.
// Padding repeats the first sample and has the weight 0, so it is left out of the comparison. Shapes: B samples, S
// places of a half, D width.
//   pipetrain train --model examples/two-towers.ts --data text:FILE --data-options sequence=64
import { type Block, defineBlock, defineInputBlock, defineModel, gain, matrix, nn, tf, z } from 'pipetrain';

const count = z.number().int().positive();
const options = z.strictObject({ width: count.default(64), layers: count.default(2), heads: count.default(4) });
type Options = z.infer<typeof options>;

const rmsNorm = (x: tf.Tensor, gain: tf.Tensor): tf.Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), gain);

/** A layer of both towers, each with parameters of its own. */
function layerBlock(layer: number, { width: D, heads }: Options): Block {
  const parts = { norm: gain(D), wq: matrix([D, D]), wk: matrix([D, D]), wv: matrix([D, D]), wo: matrix([D, D], 0.02) };
  const names = Object.keys(parts) as (keyof typeof parts)[];
  return defineBlock({
    name: `layer${layer}`,
    kind: 'other',
    layer,
    params: Object.fromEntries([0, 1].flatMap((tower) => names.map((name) => [`${name}${tower}`, parts[name]]))),
    forward(both, params) {
      const towers = tf.unstack(both, 1).map((x_BSD, tower) => {
        const p = (name: keyof typeof parts): tf.Tensor => params[`${name}${tower}`] as tf.Tensor;
        const h_BSD = rmsNorm(x_BSD, p('norm'));
        const [q, k, v] = [nn.linear(h_BSD, p('wq')), nn.linear(h_BSD, p('wk')), nn.linear(h_BSD, p('wv'))];
        return tf.add(x_BSD, nn.linear(nn.attention(q, k, v, { heads }), p('wo')));
      });
      return tf.stack(towers, 1);
    },
  });
}

/** Similarities [B, B] of the first halves with the second ones, each of length 1. */
function similarities(y_B2D: tf.Tensor): tf.Tensor {
  const unit = tf.div(y_B2D, tf.add(tf.norm(y_B2D, 2, [2], true), 1e-6));
  const [first, second] = tf.unstack(unit, 1) as [tf.Tensor, tf.Tensor];
  return tf.mul(tf.matMul(first, second, false, true), 10);
}

export const model = defineModel({
  name: 'two-towers',
  summary: 'two towers that learn which halves of texts belong together',
  options,
  defaults: { epochs: 4, batch: 64, microBatch: 32, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05, clip: 1 },
  build(given, { vocabulary, sequence }) {
    const [D, S] = [given.width, (sequence ?? 0) / 2];
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([vocabulary ?? 0, D], 0.5), places: { ...matrix([S, D], 0.1), decay: false } },
      forward(p, context) {
        const x_BTD = nn.embedding(context.field('tokens'), p.tokens);
        return tf.add(tf.reshape(x_BTD, [-1, 2, S, D]), p.places);
      },
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(D), w: matrix([D, D]) },
      forward: (both, p) => nn.linear(tf.mean(rmsNorm(both, p.norm), 2), p.w),
    });
    return {
      name: 'two-towers',
      blocks: [embed, ...Array.from({ length: given.layers }, (_, layer) => layerBlock(layer, given)), head],
      loss(y_B2D, context) {
        const scores_BB = similarities(y_B2D);
        const isReal_B = tf.cast(tf.greater(context.field('#weight'), 0), 'float32');
        // Padding is nobody's other half: far below every score.
        const masked = (scores: tf.Tensor): tf.Tensor => tf.add(scores, tf.mul(tf.sub(isReal_B, 1), 1e4));
        const own_B = tf.range(0, scores_BB.shape[0] ?? 0, 1, 'int32');
        const ways = [scores_BB, tf.transpose(scores_BB)].map((way) => nn.crossEntropy(masked(way), own_B));
        return tf.div(tf.addN(ways), 2);
      },
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

// A decoder whose MLPs are mixtures of experts: a router sends each token to the two experts that it scores highest
// (top-2, Shazeer et al. 2017), and adds up what they say by its weights. Every expert sees every token here, and those
// that were not chosen count nothing: exact, and no expert ever overflows. A second term of the loss is not needed for
// that; one that balances the experts would be added in `loss`. Shapes: B samples, T tokens, D width, E experts, F
// width of an expert, V vocabulary.   pipetrain train --model examples/experts.ts --data text:FILE --model-options
// experts=8
import { type Block, defineBlock, defineInputBlock, defineModel, gain, matrix, nn, shared, tf, z } from 'pipetrain';

const count = z.number().int().positive();
const options = z.strictObject({
  width: count.default(64),
  layers: count.default(4),
  heads: count.default(4),
  experts: count.min(2).default(4),
});
type Options = z.infer<typeof options>;

const rmsNorm = (x: tf.Tensor, gain: tf.Tensor): tf.Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), gain);

function attention(layer: number, { width: D, heads }: Options): Block {
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: { norm: gain(D), wq: matrix([D, D]), wk: matrix([D, D]), wv: matrix([D, D]), wo: matrix([D, D], 0.02) },
    forward(x_BTD, p) {
      const h_BTD = rmsNorm(x_BTD, p.norm);
      const [q, k, v] = [nn.linear(h_BTD, p.wq), nn.linear(h_BTD, p.wk), nn.linear(h_BTD, p.wv)];
      return tf.add(x_BTD, nn.linear(nn.attention(q, k, v, { heads, causal: true }), p.wo));
    },
  });
}

function mixture(layer: number, { width: D, experts: E }: Options): Block {
  const F = 2 * D;
  return defineBlock({
    name: `layer${layer}.experts`,
    kind: 'mlp',
    layer,
    params: { norm: gain(D), router: matrix([D, E]), up: matrix([D, E * F]), down: matrix([E * F, D], 0.02) },
    forward(x_BTD, p) {
      const h_BTD = rmsNorm(x_BTD, p.norm);
      const chances_BTE = tf.softmax(nn.linear(h_BTD, p.router));
      const { values, indices } = tf.topk(chances_BTE, 2);
      const weights_BT2 = tf.div(values, tf.sum(values, -1, true));
      const chosen_BT2E = tf.cast(tf.oneHot(indices, E), 'float32');
      const weights_BTE = tf.sum(tf.mul(chosen_BT2E, tf.expandDims(weights_BT2, -1)), -2);
      // All experts as one product; what each says is weighted before their sum, which is the second one.
      const up_BTEF = tf.reshape(nn.gelu(nn.linear(h_BTD, p.up)), [...x_BTD.shape.slice(0, 2), E, F]);
      const said_BTEF = tf.mul(up_BTEF, tf.expandDims(weights_BTE, -1));
      return tf.add(x_BTD, nn.linear(tf.reshape(said_BTEF, [...x_BTD.shape.slice(0, 2), E * F]), p.down));
    },
  });
}

export const model = defineModel({
  name: 'experts',
  summary: 'decoder with mixtures of experts, two for each token',
  options,
  defaults: { epochs: 2, batch: 32, microBatch: 4, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05, clip: 1 },
  build(given, { vocabulary }) {
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([vocabulary ?? 0, given.width], 0.1) },
      forward: (p, context) => nn.embedding(context.field('tokens'), p.tokens),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(given.width), tokens: shared(embed, 'tokens') },
      forward: (x_BTD, p) => nn.linear(rmsNorm(x_BTD, p.norm), tf.transpose(p.tokens)),
    });
    const layers = Array.from({ length: given.layers }, (_, layer) => [attention(layer, given), mixture(layer, given)]);
    return {
      name: 'experts',
      blocks: [embed, ...layers.flat(), head],
      loss: (y_BTV, context) => tf.mean(nn.crossEntropy(y_BTV, context.field('targets')), -1),
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

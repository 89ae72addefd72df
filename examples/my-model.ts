// A model of your own: a causal language model without position table and without GELU, to show all that a plug-in
// needs.
//
//   pipetrain train --model examples/my-model.ts --data synthetic:text --epochs 2
//   pipetrain train --model examples/my-model.ts --model-options width=96,layers=6 --data text:FILE
//
// Causal attention alone lets a model find out the order of its input, so there is no table of positions; the MLP
// squares a ReLU (as Primer does). A model is a list of blocks. A block declares its parameters and computes its output
// from its input; it never sees a device, a worker or a stage, and a residual branch is never split. Shape suffixes: B
// samples, T tokens, D width, F width inside the MLP, V vocabulary.
import {
  bias,
  type Block,
  defineBlock,
  defineInputBlock,
  defineModel,
  gain,
  matrix,
  ModelError,
  nn,
  tf,
  z,
} from 'pipetrain';

const options = z.strictObject({
  width: z.number().int().positive().default(64).describe('width of the residual stream'),
  layers: z.number().int().positive().default(4).describe('layers'),
  heads: z.number().int().positive().default(4).describe('attention heads'),
});
type Options = z.infer<typeof options>;

/** x / rms(x) * g, over the last axis. */
function rmsNorm(x_BTD: tf.Tensor, g_D: tf.Tensor): tf.Tensor {
  const meanSquare = tf.mean(tf.square(x_BTD), -1, true);
  return tf.mul(tf.mul(x_BTD, tf.rsqrt(tf.add(meanSquare, 1e-5))), g_D);
}

function attention(layer: number, { width: D, layers, heads }: Options): Block {
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      norm: gain(D),
      wq: matrix([D, D]),
      wk: matrix([D, D]),
      wv: matrix([D, D]),
      wo: matrix([D, D], 1 / Math.sqrt(2 * layers * D)),
    },
    forward(x_BTD, p) {
      const h_BTD = rmsNorm(x_BTD, p.norm);
      const mixed_BTD = nn.attention(nn.linear(h_BTD, p.wq), nn.linear(h_BTD, p.wk), nn.linear(h_BTD, p.wv), {
        heads,
        causal: true,
      });
      return tf.add(x_BTD, nn.linear(mixed_BTD, p.wo));
    },
  });
}

function mlp(layer: number, { width: D, layers }: Options): Block {
  const F = 4 * D;
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: { norm: gain(D), w1: matrix([D, F]), w2: matrix([F, D], 1 / Math.sqrt(2 * layers * F)) },
    forward(x_BTD, p) {
      const h_BTF = tf.square(tf.relu(nn.linear(rmsNorm(x_BTD, p.norm), p.w1)));
      return tf.add(x_BTD, nn.linear(h_BTF, p.w2));
    },
  });
}

export const model = defineModel({
  name: 'my-model',
  summary: 'causal language model without positions, with squared ReLU',
  options,
  defaults: { epochs: 2, batch: 32, microBatch: 4, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05 },
  build(given, data) {
    const { width: D, layers } = given;
    const V = data.vocabulary;
    if (data.task !== 'language-model' || V === null) {
      throw new ModelError(
        'MY_MODEL_DATA',
        `my-model predicts tokens; this data is for ${data.task}`,
        'use --data text:FILE or synthetic:text',
      );
    }
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([V, D], 0.5) },
      forward: (p, context) => nn.embedding(context.field('tokens'), p.tokens),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(D), w: matrix([D, V], 0.02), b: bias(V) },
      forward: (x_BTD, p) => nn.linear(rmsNorm(x_BTD, p.norm), p.w, p.b),
    });
    return {
      name: 'my-model',
      blocks: [
        embed,
        ...Array.from({ length: layers }, (_, layer) => [attention(layer, given), mlp(layer, given)]).flat(),
        head,
      ],
      // Loss of every sample [B]: the mean over its tokens.
      loss: (y_BTV, context) => tf.mean(nn.crossEntropy(y_BTV, context.field('targets')), -1),
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

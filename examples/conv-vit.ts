// A vision transformer whose patches come from convolutions (Xiao et al. 2021): two of stride 2 instead of one cut.
// Shapes: B samples, H W pixels, h w places, N = h * w of them, D width, C classes.
//   pipetrain train --model examples/conv-vit.ts --data mnist:DIR
import {
  bias,
  type Block,
  defineBlock,
  defineInputBlock,
  defineModel,
  gain,
  matrix,
  nn,
  positions,
  tf,
  z,
} from 'pipetrain';

const count = z.number().int().positive();
const options = z.strictObject({ width: count.default(64), layers: count.default(4), heads: count.default(4) });
type Options = z.infer<typeof options>;

/** A kernel of 3 by 3 pixels. */
const kernel = (inputs: number, outputs: number) => ({
  shape: [3, 3, inputs, outputs],
  init: { kind: 'normal', std: 1 / Math.sqrt(9 * inputs) } as const,
  decay: true,
});

function layerBlock(layer: number, { width: D, heads }: Options): Block {
  return defineBlock({
    name: `layer${layer}`,
    kind: 'other',
    layer,
    params: {
      ...{ norm1: gain(D), shift1: bias(D), wq: matrix([D, D]), wk: matrix([D, D]), wv: matrix([D, D]) },
      ...{ wo: matrix([D, D], 0.02), norm2: gain(D), shift2: bias(D), up: matrix([D, 2 * D]), b: bias(2 * D) },
      down: matrix([2 * D, D], 0.02),
    },
    forward(x_BND, p) {
      const h_BND = nn.layerNorm(x_BND, p.norm1, p.shift1);
      const [q, k, v] = [nn.linear(h_BND, p.wq), nn.linear(h_BND, p.wk), nn.linear(h_BND, p.wv)];
      const y_BND = tf.add(x_BND, nn.linear(nn.attention(q, k, v, { heads }), p.wo));
      const up = nn.gelu(nn.linear(nn.layerNorm(y_BND, p.norm2, p.shift2), p.up, p.b));
      return tf.add(y_BND, nn.linear(up, p.down));
    },
  });
}

export const model = defineModel({
  name: 'conv-vit',
  summary: 'vision transformer with a convolution stem',
  options,
  defaults: { epochs: 5, batch: 64, microBatch: 16, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05, clip: 1 },
  build(given, { fields, classes }) {
    const { width: D, layers } = given;
    const [H = 0, W = 0] = fields.find(({ name }) => name === 'image')?.shape ?? [];
    const N = Math.ceil(H / 4) * Math.ceil(W / 4);
    const half = D / 2;
    const stem = defineInputBlock({
      name: 'stem',
      kind: 'embedding',
      params: { first: kernel(1, half), b: bias(half), second: kernel(half, D), places: positions([N, D], 0.02) },
      forward(p, context) {
        const image_BHW1 = tf.expandDims(context.field('image'), -1);
        const half_BhwD = tf.relu(tf.add(tf.conv2d(image_BHW1 as tf.Tensor4D, p.first as tf.Tensor4D, 2, 'same'), p.b));
        const y_BhwD = tf.conv2d(half_BhwD as tf.Tensor4D, p.second as tf.Tensor4D, 2, 'same');
        return tf.add(tf.reshape(y_BhwD, [-1, N, D]), p.places);
      },
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(D), shift: bias(D), w: matrix([D, classes ?? 0], 0.02), b: bias(classes ?? 0) },
      forward: (x_BND, p) => nn.linear(tf.mean(nn.layerNorm(x_BND, p.norm, p.shift), 1), p.w, p.b),
    });
    return {
      name: 'conv-vit',
      blocks: [stem, ...Array.from({ length: layers }, (_, layer) => layerBlock(layer, given)), head],
      loss: (y_BC, context) => nn.crossEntropy(y_BC, context.field('label')),
      score: (y_BC, context) => tf.cast(tf.equal(tf.argMax(y_BC, -1), context.field('label')), 'float32'),
      metric: { name: 'accuracy', higherIsBetter: true },
    };
  },
});

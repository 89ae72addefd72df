// A decoder built like Llama: rotary positions, root mean square norms, gated MLPs, heads that share keys and values,
// and one matrix as table of tokens and as output. Shapes: B samples, T tokens, D width, K features of keys, F of
// MLPs.   pipetrain train --model examples/llama.ts --data text:FILE --model-options width=96,layers=6
import { type Block, defineBlock, defineInputBlock, defineModel, gain, matrix, nn, shared, tf, z } from 'pipetrain';

const count = z.number().int().positive();
const options = z.strictObject({
  width: count.default(64),
  layers: count.default(4),
  heads: count.default(4),
  kvHeads: count.default(2).describe('heads of keys and values; they divide the heads'),
});
type Options = z.infer<typeof options>;

const rmsNorm = (x: tf.Tensor, gain: tf.Tensor): tf.Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), gain);

/** Turns the two halves of every head, [B, T, H * E], by angles that grow with the position. */
function rotate(x: tf.Tensor, heads: number): tf.Tensor {
  const [B = 0, T = 0, width = 0] = x.shape;
  const half = width / heads / 2;
  const angle = (i: number): number => Math.floor(i / half) / 10_000 ** ((i % half) / half);
  const waves = (f: (angle: number) => number): tf.Tensor =>
    tf.tensor(
      Array.from({ length: T * half }, (_, i) => f(angle(i))),
      [1, T, 1, half],
    );
  const [a, b] = tf.split(tf.reshape(x, [B, T, heads, 2 * half]), 2, -1) as [tf.Tensor, tf.Tensor];
  const [cos, sin] = [waves(Math.cos), waves(Math.sin)];
  const turned = [tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))];
  return tf.reshape(tf.concat(turned, -1), [B, T, width]);
}

function layerBlock(layer: number, { width: D, heads, kvHeads }: Options): Block {
  const [E, groups, F] = [D / heads, heads / kvHeads, 2 * D];
  const K = kvHeads * E;
  /** Each head of keys or values as often as heads of queries use it. */
  const repeated = (x_BTK: tf.Tensor): tf.Tensor =>
    tf.reshape(tf.tile(tf.reshape(x_BTK, [-1, E]), [1, groups]), [...x_BTK.shape.slice(0, 2), D]);
  const attention = { norm1: gain(D), wq: matrix([D, D]), wk: matrix([D, K]), wv: matrix([D, K]), wo: matrix([D, D]) };
  const mlp = { norm2: gain(D), gate: matrix([D, F]), up: matrix([D, F]), down: matrix([F, D]) };
  return defineBlock({
    name: `layer${layer}`,
    kind: 'other',
    layer,
    params: { ...attention, ...mlp },
    forward(x_BTD, p) {
      const h_BTD = rmsNorm(x_BTD, p.norm1);
      const [q_BTD, k_BTK] = [rotate(nn.linear(h_BTD, p.wq), heads), rotate(nn.linear(h_BTD, p.wk), kvHeads)];
      const v_BTD = repeated(nn.linear(h_BTD, p.wv));
      const mixed_BTD = nn.attention(q_BTD, repeated(k_BTK), v_BTD, { heads, causal: true });
      const y_BTD = tf.add(x_BTD, nn.linear(mixed_BTD, p.wo));
      const g_BTD = rmsNorm(y_BTD, p.norm2);
      const gate_BTF = nn.linear(g_BTD, p.gate);
      const up_BTF = tf.mul(tf.mul(gate_BTF, tf.sigmoid(gate_BTF)), nn.linear(g_BTD, p.up));
      return tf.add(y_BTD, nn.linear(up_BTF, p.down));
    },
  });
}

export const model = defineModel({
  name: 'llama-style',
  summary: 'decoder with rotary positions, gated MLPs and a tied output',
  options,
  defaults: { epochs: 2, batch: 32, microBatch: 4, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05 },
  build(given, { vocabulary }) {
    const { width: D, layers } = given;
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([vocabulary ?? 0, D], 0.1) },
      forward: (p, context) => nn.embedding(context.field('tokens'), p.tokens),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(D), tokens: shared(embed, 'tokens') },
      forward: (x_BTD, p) => nn.linear(rmsNorm(x_BTD, p.norm), tf.transpose(p.tokens)),
    });
    const blocks = Array.from({ length: layers }, (_, layer) => layerBlock(layer, given));
    return {
      name: 'llama-style',
      blocks: [embed, ...blocks, head],
      loss: (y_BTV, context) => tf.mean(nn.crossEntropy(y_BTV, context.field('targets')), -1),
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

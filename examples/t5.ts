// An encoder and a decoder in one pipeline, as T5: the encoder reads the first half of a text, the decoder goes on with
// it. What goes from block to block is one tensor, so both streams travel in it: [B, 2 * S, D], the encoder's places
// first. An encoder block changes its half; a decoder block changes the other one and reads both. One table of tokens
// serves both ends and the output. Shapes: B samples, S places of a half, D width, V vocabulary.
//   pipetrain train --model examples/t5.ts --data text:FILE --data-options sequence=64
import { type Block, defineBlock, defineInputBlock, defineModel, gain, matrix, nn, shared, tf, z } from 'pipetrain';

const count = z.number().int().positive();
const options = z.strictObject({ width: count.default(64), layers: count.default(2), heads: count.default(4) });
type Options = z.infer<typeof options>;
type Params<Names extends string> = Readonly<Record<Names, tf.Tensor>>;

const rmsNorm = (x: tf.Tensor, gain: tf.Tensor): tf.Tensor =>
  tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-5))), gain);
const halves = (x: tf.Tensor): [tf.Tensor, tf.Tensor] => tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];

const heeding = (D: number) => ({ wq: matrix([D, D]), wk: matrix([D, D]), wv: matrix([D, D]), wo: matrix([D, D]) });
type Heeding = Params<'wq' | 'wk' | 'wv' | 'wo'>;
function heed(x: tf.Tensor, from: tf.Tensor, p: Heeding, heads: number, causal: boolean): tf.Tensor {
  const [q, k, v] = [nn.linear(x, p.wq), nn.linear(from, p.wk), nn.linear(from, p.wv)];
  return nn.linear(nn.attention(q, k, v, { heads, causal }), p.wo);
}
const mlp = (D: number) => ({ norm2: gain(D), up: matrix([D, 2 * D]), down: matrix([2 * D, D], 0.02) });
const through = (x: tf.Tensor, p: Params<'norm2' | 'up' | 'down'>): tf.Tensor =>
  tf.add(x, nn.linear(tf.relu(nn.linear(rmsNorm(x, p.norm2), p.up)), p.down));

function encoder(layer: number, { width: D, heads }: Options): Block {
  return defineBlock({
    name: `encoder${layer}`,
    kind: 'other',
    layer,
    params: { norm: gain(D), ...heeding(D), ...mlp(D) },
    forward(both, p) {
      const [x, decoded] = halves(both);
      const h = rmsNorm(x, p.norm);
      return tf.concat([through(tf.add(x, heed(h, h, p, heads, false)), p), decoded], 1);
    },
  });
}

function decoder(layer: number, { width: D, heads }: Options): Block {
  const { wq, wk, wv, wo } = heeding(D);
  return defineBlock({
    name: `decoder${layer}`,
    kind: 'other',
    layer,
    params: { norm: gain(D), ...heeding(D), normCross: gain(D), cq: wq, ck: wk, cv: wv, co: wo, ...mlp(D) },
    forward(both, p) {
      const [encoded, x] = halves(both);
      const h = rmsNorm(x, p.norm);
      const y = tf.add(x, heed(h, h, p, heads, true));
      const cross = { wq: p.cq, wk: p.ck, wv: p.cv, wo: p.co };
      const z = tf.add(y, heed(rmsNorm(y, p.normCross), encoded, cross, heads, false));
      return tf.concat([encoded, through(z, p)], 1);
    },
  });
}

export const model = defineModel({
  name: 't5-style',
  summary: 'encoder and decoder: goes on with what it has read',
  options,
  defaults: { epochs: 2, batch: 32, microBatch: 4, lr: '2e-3 * (1 - 0.9 * progress)', warmup: 0.05, clip: 1 },
  build(given, { vocabulary, sequence }) {
    const [D, T] = [given.width, sequence ?? 0];
    const embed = defineInputBlock({
      name: 'embed',
      kind: 'embedding',
      params: { tokens: matrix([vocabulary ?? 0, D], 0.1), places: { ...matrix([T, D], 0.02), decay: false } },
      forward: (p, context) => tf.add(nn.embedding(context.field('tokens'), p.tokens), p.places),
    });
    const head = defineBlock({
      name: 'head',
      kind: 'head',
      params: { norm: gain(D), tokens: shared(embed, 'tokens') },
      forward: (both, p) => nn.linear(rmsNorm(halves(both)[1], p.norm), tf.transpose(p.tokens)),
    });
    const layers = Array.from({ length: 2 * given.layers }, (_, layer) =>
      layer < given.layers ? encoder(layer, given) : decoder(layer, given),
    );
    return {
      name: 't5-style',
      blocks: [embed, ...layers, head],
      loss: (y, context) => tf.mean(nn.crossEntropy(y, halves(context.field('targets'))[1]), -1),
      score: null,
      metric: { name: 'loss', higherIsBetter: false },
    };
  },
});

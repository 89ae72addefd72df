// ImageBlocks: the blocks of a pretrained vision transformer (Dosovitskiy et al. 2020): patches, special tokens in
// front of them, pre-norm layers. Attention probabilities are not dropped out. Shape suffixes: B samples, h w height
// and width in patches, P pixels of a patch side, N = h * w patches, S special tokens, T = S + N, D width, F width
// inside the MLP.
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block, ParamSpec } from '../block.js';
import { defineBlock, defineInputBlock } from '../define-block.js';
import { ACTIVATION, type ActivationName } from './activations.js';
import { paramsIf } from './optional-params.js';
import type { PretrainedWeights } from './pretrained-weights.js';

export interface ImageSizes {
  /** Pixels of a side of an image and of a patch. */
  readonly image: number;
  readonly patch: number;
  readonly channels: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Width inside the MLP. */
  readonly ff: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  /** Whether queries, keys and values have biases. */
  readonly hasBias: boolean;
}

export interface ImageParts {
  readonly sizes: ImageSizes;
  readonly weights: PretrainedWeights;
  /** Names of the tokens in front of the patches, in their order. */
  readonly special: readonly string[];
  readonly dropout: number;
}

const norm = (weights: PretrainedWeights, name: string, D: number): { normGain: ParamSpec; normBias: ParamSpec } => ({
  normGain: weights.vector(`${name}.weight`, D),
  normBias: weights.vector(`${name}.bias`, D),
});

/** [B, H, W] as one row of pixels for each patch, the same grey in every channel: [B, N, C * P * P]. */
function patchesOf(image_BHW: tf.Tensor, h: number, P: number, channels: number): tf.Tensor {
  const [B = 1] = image_BHW.shape;
  const patches_BhPwP = tf.reshape(image_BHW, [B, h, P, h, P]);
  const grey_BNP2 = tf.reshape(tf.transpose(patches_BhPwP, [0, 1, 3, 2, 4]), [B, h * h, P * P]);
  return channels === 1 ? grey_BNP2 : tf.tile(grey_BNP2, [1, 1, channels]);
}

function embeddingBlock({ sizes, weights, special, dropout }: ImageParts): Block {
  const { image, patch: P, channels, width: D } = sizes;
  const [h, S] = [image / P, special.length];
  const tokens = Object.fromEntries(
    special.map((name, i) => [`special${i}`, weights.rows(`embeddings.${name}`, [1, D])]),
  );
  const at = 'embeddings.patch_embeddings.projection';
  return defineInputBlock({
    name: 'embed',
    kind: 'embedding',
    params: {
      w: weights.patchMatrix(`${at}.weight`, [channels, P, P], D),
      b: weights.vector(`${at}.bias`, D),
      positions: weights.rows('embeddings.position_embeddings', [S + h * h, D]),
      ...tokens,
    },
    forward(params, context) {
      const p = params as Readonly<Record<string, tf.Tensor> & Record<'w' | 'b' | 'positions', tf.Tensor>>;
      const image_BHW = context.field('image');
      const [B = 1] = image_BHW.shape;
      const patches_BND = nn.linear(patchesOf(image_BHW, h, P, channels), p.w, p.b);
      const front = special.map((_, i) => tf.tile(tf.reshape(p[`special${i}`] as tf.Tensor, [1, 1, D]), [B, 1, 1]));
      const tokens_BTD = tf.concat([...front, patches_BND], 1);
      return context.dropout(tf.add(tokens_BTD, p.positions), dropout, 'embed');
    },
  });
}

/** x + dropout(attention(norm(x))). */
function attentionBlock({ sizes, weights, dropout }: ImageParts, layer: number): Block {
  const { width: D, heads, epsilon, hasBias } = sizes;
  const at = `encoder.layer.${layer}`;
  const [query, key, value] = ['query', 'key', 'value'].map((part) => `${at}.attention.attention.${part}`) as [
    string,
    string,
    string,
  ];
  const out = `${at}.attention.output.dense`;
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      ...norm(weights, `${at}.layernorm_before`, D),
      wq: weights.matrix(`${query}.weight`, [D, D]),
      wk: weights.matrix(`${key}.weight`, [D, D]),
      wv: weights.matrix(`${value}.weight`, [D, D]),
      ...paramsIf(hasBias, () => ({
        bq: weights.vector(`${query}.bias`, D),
        bk: weights.vector(`${key}.bias`, D),
        bv: weights.vector(`${value}.bias`, D),
      })),
      wo: weights.matrix(`${out}.weight`, [D, D]),
      bo: weights.vector(`${out}.bias`, D),
    },
    forward(x_BTD, p, context) {
      const h_BTD = nn.layerNorm(x_BTD, p.normGain, p.normBias, epsilon);
      const [q_BTD, k_BTD, v_BTD] = [
        nn.linear(h_BTD, p.wq, p.bq),
        nn.linear(h_BTD, p.wk, p.bk),
        nn.linear(h_BTD, p.wv, p.bv),
      ];
      const mixed_BTD = nn.linear(nn.attention(q_BTD, k_BTD, v_BTD, { heads }), p.wo, p.bo);
      return tf.add(x_BTD, context.dropout(mixed_BTD, dropout, 'out'));
    },
  });
}

/** x + dropout(mlp(norm(x))). */
function mlpBlock({ sizes, weights, dropout }: ImageParts, layer: number): Block {
  const { width: D, ff: F, epsilon, activation } = sizes;
  const at = `encoder.layer.${layer}`;
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      ...norm(weights, `${at}.layernorm_after`, D),
      w1: weights.matrix(`${at}.intermediate.dense.weight`, [D, F]),
      b1: weights.vector(`${at}.intermediate.dense.bias`, F),
      w2: weights.matrix(`${at}.output.dense.weight`, [F, D]),
      b2: weights.vector(`${at}.output.dense.bias`, D),
    },
    forward(x_BTD, p, context) {
      const h_BTF = nn.linear(nn.layerNorm(x_BTD, p.normGain, p.normBias, epsilon), p.w1, p.b1);
      return tf.add(x_BTD, context.dropout(nn.linear(ACTIVATION[activation](h_BTF), p.w2, p.b2), dropout, 'out'));
    },
  });
}

/** The embedding and the first `layers` layers, in order. */
export const imageBlocks = (parts: ImageParts, layers: number): Block[] => [
  embeddingBlock(parts),
  ...Array.from({ length: layers }, (_, layer) => [attentionBlock(parts, layer), mlpBlock(parts, layer)]).flat(),
];

// RotaryDecoder: what the families Llama, Mistral and Qwen2 share: causal decoders with rotary positions, the root mean
// square for normalisation, gated MLPs, and keys and values that several heads share. Shape suffixes: B samples, T
// tokens, D width, Q = heads * E and K = kvHeads * E features of queries and keys, F width inside the MLP.
import { z } from 'zod';
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import type { Block } from '../block.js';
import type { ModelDefinition } from '../define.js';
import { defineBlock, defineInputBlock } from '../define-block.js';
import { ACTIVATION, activation, type ActivationName } from './activations.js';
import { count, flag, positive } from './config-settings.js';
import { requireHeads } from './head-sizes.js';
import { type DecoderParts, languageModel } from './language-model.js';
import type { CommonSettings, ModelFolder } from './model-folder.js';
import { paramsIf } from './optional-params.js';
import { type Frequencies, frequenciesOf, rotate, rotations } from './rotary.js';

/** Settings that all of them have. */
export const ROTARY_SETTINGS = {
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: activation.default('silu'),
  max_position_embeddings: count.default(2048),
  rms_norm_eps: positive.default(1e-6),
  tie_word_embeddings: flag.default(false),
  rope_theta: positive.nullish(),
  rope_scaling: z.record(z.string(), z.unknown()).nullish(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  partial_rotary_factor: z.number().nullish(),
  sliding_window: count.nullish(),
  layer_types: z.array(z.string()).nullish(),
};
type RotarySettings = z.infer<z.ZodObject<typeof ROTARY_SETTINGS>> & CommonSettings;

/** Where linear layers have biases, and how far a token sees where that is limited. */
export interface RotaryTraits {
  readonly biases: { readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean };
  readonly window: number | null;
  /** The class of `transformers`. */
  readonly architecture: string;
}

interface Sizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Features of a head. */
  readonly head: number;
  readonly ff: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly frequencies: Frequencies;
  readonly biases: RotaryTraits['biases'];
}

/** The definition for a folder; weights are looked at when the model is built. */
export function rotaryDecoder(
  folder: ModelFolder,
  { config, doubts }: { readonly config: RotarySettings; readonly doubts: readonly string[] },
  { biases, window, architecture }: RotaryTraits,
): ModelDefinition {
  const { hidden_size: width, num_attention_heads: heads, max_position_embeddings: positions } = config;
  const kvHeads = config.num_key_value_heads ?? heads;
  if (config.head_dim == null) requireHeads(folder, 'hidden_size', width, 'num_attention_heads', heads);
  requireHeads(folder, 'num_attention_heads', heads, 'num_key_value_heads', kvHeads);
  const head = config.head_dim ?? width / heads;
  const sizes: Sizes = {
    vocabulary: config.vocab_size,
    width,
    heads,
    kvHeads,
    head,
    ff: config.intermediate_size,
    activation: config.hidden_act,
    epsilon: config.rms_norm_eps,
    frequencies: frequenciesOf(folder, config, head),
    biases,
  };
  return languageModel({
    folder,
    doubts,
    vocabulary: sizes.vocabulary,
    width,
    layers: config.num_hidden_layers,
    heads,
    // A window that is no smaller than a sample changes nothing.
    most:
      window !== null && window < positions
        ? { tokens: window, key: 'sliding_window' }
        : { tokens: positions, key: 'max_position_embeddings' },
    dropout: 0,
    weightNames: { prefixes: ['', 'model.'], written: 'model.', heads: ['lm_head'] },
    stored: config,
    table: 'embed_tokens.weight',
    isTied: config.tie_word_embeddings,
    foreign: {
      architecture,
      settings: (layers) => ({
        num_hidden_layers: layers,
        ...(config.layer_types == null ? {} : { layer_types: config.layer_types.slice(0, layers) }),
      }),
    },
    blocks: (parts) => {
      const embed = embeddingBlock(sizes, parts);
      const layers = Array.from({ length: parts.layers }, (_, layer) => [
        attentionBlock(sizes, parts, layer),
        mlpBlock(sizes, parts, layer),
      ]);
      return [embed, ...layers.flat(), headBlock(sizes, parts, embed)];
    },
  });
}

/** x over the root of the mean of its squares, times a gain. */
function rmsNorm(x: tf.Tensor, gain: tf.Tensor, epsilon: number): tf.Tensor {
  const meanSquare = tf.mean(tf.mul(x, x), -1, true);
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), gain);
}

const embeddingBlock = ({ vocabulary: V, width: D }: Sizes, { weights, dropout }: DecoderParts): Block =>
  defineInputBlock({
    name: 'embed',
    kind: 'embedding',
    params: { tokens: weights.table('embed_tokens.weight', [V, D]) },
    forward: (p, context) => context.dropout(nn.embedding(context.field('tokens'), p.tokens), dropout, 'embed'),
  });

/** x + dropout(attention(norm(x))). */
function attentionBlock(sizes: Sizes, { weights, sequence: T, dropout }: DecoderParts, layer: number): Block {
  const { width: D, heads, kvHeads, head: E, epsilon, frequencies, biases } = sizes;
  const [Q, K] = [heads * E, kvHeads * E];
  const at = `layers.${layer}.self_attn`;
  /** Each head of keys or values as often as heads of queries use it. */
  const shared = (x: tf.Tensor): tf.Tensor =>
    heads === kvHeads ? x : tf.reshape(tf.tile(tf.reshape(x, [-1, E]), [1, heads / kvHeads]), [-1, T, Q]);
  return defineBlock({
    name: `layer${layer}.attention`,
    kind: 'attention',
    layer,
    params: {
      normGain: weights.vector(`layers.${layer}.input_layernorm.weight`, D),
      wq: weights.matrix(`${at}.q_proj.weight`, [D, Q]),
      wk: weights.matrix(`${at}.k_proj.weight`, [D, K]),
      wv: weights.matrix(`${at}.v_proj.weight`, [D, K]),
      ...paramsIf(biases.qkv, () => ({
        bq: weights.vector(`${at}.q_proj.bias`, Q),
        bk: weights.vector(`${at}.k_proj.bias`, K),
        bv: weights.vector(`${at}.v_proj.bias`, K),
      })),
      wo: weights.matrix(`${at}.o_proj.weight`, [Q, D]),
      ...paramsIf(biases.out, () => ({ bo: weights.vector(`${at}.o_proj.bias`, D) })),
    },
    forward(x_BTD, p, context) {
      const h_BTD = rmsNorm(x_BTD, p.normGain, epsilon);
      const turns = rotations(frequencies, T);
      const q_BTQ = rotate(nn.linear(h_BTD, p.wq, p.bq), turns);
      const k_BTQ = shared(rotate(nn.linear(h_BTD, p.wk, p.bk), turns));
      const v_BTQ = shared(nn.linear(h_BTD, p.wv, p.bv));
      const mixed_BTD = nn.linear(nn.attention(q_BTQ, k_BTQ, v_BTQ, { heads, causal: true }), p.wo, p.bo);
      return tf.add(x_BTD, context.dropout(mixed_BTD, dropout, 'out'));
    },
  });
}

/** x + dropout(mlp(norm(x))), the MLP being down(act(gate) * up). */
function mlpBlock(sizes: Sizes, { weights, dropout }: DecoderParts, layer: number): Block {
  const { width: D, ff: F, epsilon, biases } = sizes;
  const at = `layers.${layer}.mlp`;
  return defineBlock({
    name: `layer${layer}.mlp`,
    kind: 'mlp',
    layer,
    params: {
      normGain: weights.vector(`layers.${layer}.post_attention_layernorm.weight`, D),
      wg: weights.matrix(`${at}.gate_proj.weight`, [D, F]),
      w1: weights.matrix(`${at}.up_proj.weight`, [D, F]),
      w2: weights.matrix(`${at}.down_proj.weight`, [F, D]),
      ...paramsIf(biases.mlp, () => ({
        bg: weights.vector(`${at}.gate_proj.bias`, F),
        b1: weights.vector(`${at}.up_proj.bias`, F),
        b2: weights.vector(`${at}.down_proj.bias`, D),
      })),
    },
    forward(x_BTD, p, context) {
      const h_BTD = rmsNorm(x_BTD, p.normGain, epsilon);
      const gate_BTF = ACTIVATION[sizes.activation](nn.linear(h_BTD, p.wg, p.bg));
      const branch_BTD = nn.linear(tf.mul(gate_BTF, nn.linear(h_BTD, p.w1, p.b1)), p.w2, p.b2);
      return tf.add(x_BTD, context.dropout(branch_BTD, dropout, 'out'));
    },
  });
}

const headBlock = ({ width: D, epsilon }: Sizes, { weights, output }: DecoderParts, embed: Block): Block =>
  defineBlock({
    name: 'head',
    kind: 'head',
    params: { normGain: weights.vector('norm.weight', D), w: output.matrix(embed) },
    forward: (x_BTD, p) => output.scores(rmsNorm(x_BTD, p.normGain, epsilon), p.w),
  });

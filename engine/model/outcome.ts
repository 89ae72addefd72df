// The outcomes of the models of the engine; see outcome-kind.ts.
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import type { BlockContext, Model, Outcome } from './block.js';

const column = (x_B: tf.Tensor): tf.Tensor => tf.expandDims(tf.cast(x_B, 'float32'), -1);

/** Of class logits [B, C]. */
export const CLASS_OUTCOME: Outcome = { kind: 'class', width: 1, of: (y_BC) => column(tf.argMax(y_BC, -1)) };

/**
 * Of what a language model says of every token: `tokenLoss` [B, T], the logits [B, T, V], the right tokens [B, T], and
 * 1 where one counts [B, T], all where null.
 */
function tokensOutcome(
  tokenLoss_BT: tf.Tensor,
  y_BTV: tf.Tensor,
  targets_BT: tf.Tensor,
  counts_BT: tf.Tensor | null,
): tf.Tensor {
  const right_BT = tf.cast(tf.equal(tf.argMax(y_BTV, -1), targets_BT), 'float32');
  const all = counts_BT ?? tf.onesLike(right_BT);
  const sums = [tf.mul(tokenLoss_BT, all), all, tf.mul(right_BT, all)].map((x) => tf.sum(x, -1, true));
  return tf.concat(sums, -1);
}

/** Which tokens [B, T] are right, and which count (1) or not (0); null where all do. */
export interface RightTokens {
  readonly ids_BT: tf.Tensor;
  readonly counts_BT: tf.Tensor | null;
}

/** What is told of every sample of a model that names tokens. */
export const namedTokens = (right: (context: BlockContext) => RightTokens): Outcome => ({
  kind: 'tokens',
  width: 3,
  of(y_BTV, context) {
    const { ids_BT, counts_BT } = right(context);
    return tokensOutcome(nn.crossEntropy(y_BTV, ids_BT), y_BTV, ids_BT, counts_BT);
  },
});

/** What a causal language model is worth: the mean loss of the tokens of a sample; right is `targets` [B, T]. */
export const NEXT_TOKEN: Pick<Model, 'loss' | 'score' | 'metric'> & { readonly outcome: Outcome } = {
  loss: (y_BTV, context) => tf.mean(nn.crossEntropy(y_BTV, context.field('targets'), context.labelSmoothing), -1),
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
  outcome: namedTokens((context) => ({ ids_BT: context.field('targets'), counts_BT: null })),
};

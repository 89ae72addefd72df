// Spans: answers as a first and a last token: what two scores for each token cost against the right ones, and which
// span they hold for the best. Shape suffixes: B samples, T tokens.
import * as nn from '../tensor/nn.js';
import * as tf from '../tensor/tf.js';
import type { BlockContext } from './block.js';

/** Tokens of an answer at most, as in the published evaluation. */
export const LONGEST_ANSWER = 30;
/** Far below any score. */
const NEVER = -1e9;

/** Scores of first and last tokens, [B, T] each. */
function bothOf(y_BT2: tf.Tensor): readonly [tf.Tensor, tf.Tensor] {
  const [B = 0, T = 0] = y_BT2.shape;
  const one = (at: number): tf.Tensor => tf.reshape(tf.slice(y_BT2, [0, 0, at], [B, T, 1]), [B, T]);
  return [one(0), one(1)];
}

/** The mean of the cross-entropies of the first and the last token: fields `start` and `end` [B]. */
export function spanLoss(y_BT2: tf.Tensor, context: BlockContext): tf.Tensor {
  const [first_BT, last_BT] = bothOf(y_BT2);
  const sum_B = tf.add(
    nn.crossEntropy(first_BT, context.field('start'), context.labelSmoothing),
    nn.crossEntropy(last_BT, context.field('end'), context.labelSmoothing),
  );
  return tf.mul(sum_B, 0.5);
}

/** Which last tokens [T] may go with which first ones [T]: 0 where they may, else a score that nothing reaches. */
const pairsOf = (T: number): tf.Tensor =>
  tf.tensor(
    Float32Array.from({ length: T * T }, (_, at) => {
      const length = (at % T) - Math.floor(at / T) + 1;
      return length >= 1 && length <= LONGEST_ANSWER ? 0 : NEVER;
    }),
    [1, T, T],
  );

/**
 * First token, last token and score of the best span among the tokens of `context` [B, T], and the score of the first
 * token of the sample, which stands for no answer.
 */
export function spanOutcome(y_BT2: tf.Tensor, context_BT: tf.Tensor, T: number): tf.Tensor {
  const [first_BT, last_BT] = bothOf(y_BT2);
  const [B = 0] = first_BT.shape;
  const outside_BT = tf.mul(tf.sub(1, context_BT), NEVER);
  const [from_BT, to_BT] = [tf.add(first_BT, outside_BT), tf.add(last_BT, outside_BT)];
  const sums_BTT = tf.add(tf.add(tf.expandDims(from_BT, 2), tf.expandDims(to_BT, 1)), pairsOf(T));
  const flat_BP = tf.reshape(sums_BTT, [B, T * T]);
  const place_B1 = tf.expandDims(tf.cast(tf.argMax(flat_BP, -1), 'float32'), -1);
  const start_B1 = tf.floor(tf.div(place_B1, T));
  const end_B1 = tf.sub(place_B1, tf.mul(start_B1, T));
  const none_B1 = tf.add(tf.slice(first_BT, [0, 0], [B, 1]), tf.slice(last_BT, [0, 0], [B, 1]));
  return tf.concat([start_B1, end_B1, tf.max(flat_BP, -1, true), none_B1], -1);
}

// OutcomeKind: what a model says of each sample, in the few numbers that metrics are made of: the class that it holds
// for the right one, say. A metric folds them over all samples in their order; what is right stands in the data.

/**
 * What the numbers of a sample are:
 * - `class`: [class with the largest logit]; right is the field `label`
 * - `labels`: [1 or 0 for each label]; right is the field `label` [C]
 * - `value`: [the value]; right is the field `label`
 * - `tags`: [tag of each token]; right is the field `tags` [T], -1 where a token has none
 * - `span`: [first token, last token, score of the span, score of no answer]; the data know the answers
 * - `tokens`: [sum of the losses of the tokens that count, how many these are, how many of them are predicted right]
 */
export const OUTCOME_KINDS = ['class', 'labels', 'value', 'tags', 'span', 'tokens'] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

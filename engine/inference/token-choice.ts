// TokenChoice: which token comes next, given what a language model says of each. It is pure: the same numbers and the
// same draw choose the same token.

export interface TokenChoice {
  /** How bold the choice is: 1 is the model's own distribution, 0 always the most probable token. */
  readonly temperature: number;
  /** Only so many of the most probable tokens are chosen from; 0: all. */
  readonly topK: number;
  /** Only the fewest of the most probable tokens that have this share together (Holtzman et al. 2020); 1: all. */
  readonly topP: number;
}

/**
 * The token at quantile `u`, 0 to 1, of the distribution that the logits of one place describe, in double precision.
 * Of equal logits the lower id is the more probable.
 */
export function chooseToken(logits: Float32Array, { temperature, topK, topP }: TokenChoice, u: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  if (temperature === 0) return logits.indexOf(largest);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / temperature));
  const allowed = topK === 0 && topP === 1 ? null : nucleus(logits, weights, topK, topP);
  const tokens = allowed ?? Array.from(weights.keys());
  let rest = u * tokens.reduce((sum, token) => sum + (weights[token] ?? 0), 0);
  for (const token of tokens) {
    rest -= weights[token] ?? 0;
    if (rest <= 0) return token;
  }
  return tokens.at(-1) ?? 0;
}

/** The most probable tokens, at most topK of them, up to the one with which they have the share topP. */
function nucleus(logits: Float32Array, weights: Float64Array, topK: number, topP: number): number[] {
  // Logits that differ by little have equal weights.
  const ranked = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const kept = topK === 0 ? ranked : ranked.slice(0, topK);
  const all = kept.reduce((sum, token) => sum + (weights[token] ?? 0), 0);
  let share = 0;
  const last = kept.findIndex((token) => (share += weights[token] ?? 0) >= topP * all);
  return last < 0 ? kept : kept.slice(0, last + 1);
}

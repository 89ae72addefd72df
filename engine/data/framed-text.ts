// FramedText: a single text as a sample, encoded and framed as the samples of a data set are. It has no label.

export interface FramedText {
  /** [T] token ids: frame, text, and what fills a sample up. */
  readonly tokens: Int32Array;
  /** [T] ones where a token of the text or its frame stands, then zeros. */
  readonly mask: Float32Array;
  /** Tokens of the text and its frame, before anything was cut. */
  readonly length: number;
  /** How many of them the tokenizer does not know; null where it knows everything. */
  readonly unknown: number | null;
}

/** What stands around a text, and how long a sample is. */
export interface TextFrame {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly pad: number;
  /** T */
  readonly sequence: number;
  /** The id of what the tokenizer does not know; null where it knows everything. */
  readonly unknown: number | null;
}

/** The sample of a text with the ids `ids`. A text that is too long is cut; what stands behind it stays. */
export function framedText(ids: readonly number[], { prefix, suffix, pad, sequence, unknown }: TextFrame): FramedText {
  const whole = [...prefix, ...ids, ...suffix];
  const kept = whole.length <= sequence ? whole : [...whole.slice(0, sequence - suffix.length), ...suffix];
  const tokens = new Int32Array(sequence).fill(pad);
  tokens.set(kept);
  return {
    tokens,
    mask: new Float32Array(sequence).fill(1, 0, kept.length),
    length: whole.length,
    unknown: unknown === null ? null : whole.filter((id) => id === unknown).length,
  };
}

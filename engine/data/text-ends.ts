// TextEnds: which ends of a piece of text are ends of the whole, for steps of a tokenizer that look at those.

export interface Ends {
  readonly start: boolean;
  readonly end: boolean;
}

/** A text that is no part of a longer one. */
export const WHOLE: Ends = { start: true, end: true };

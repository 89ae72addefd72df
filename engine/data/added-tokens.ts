// AddedTokens: tokens that are found in a text before anything else is done to it, such as [SEP], and take no part in
// what the model of a tokenizer does. It gives the parts of the text between them.
import { type Ends, WHOLE } from './text-ends.js';
import { WORD_CHARACTER } from './unicode-classes.js';

/** As in tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where it is no part of a longer word. */
  readonly single_word: boolean;
  /** Takes the spaces in front of it along. */
  readonly lstrip: boolean;
  /** Takes the spaces behind it along. */
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalized text, normalized itself. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A token that was found, or a part of the text that is normalized and still has to be taken apart. */
export type Section = { readonly id: number } | { readonly text: string; readonly isFirst: boolean };

const STARTS_WITH_WORD = new RegExp(`^${WORD_CHARACTER}`, 'u');
const ENDS_WITH_WORD = new RegExp(`${WORD_CHARACTER}$`, 'u');
const SPACES_AT_START = /^\p{White_Space}*/u;
const SPACES_AT_END = /\p{White_Space}*$/u;

/** Finds the tokens of one kind in a text, the longest where several begin. */
class Finder {
  readonly #tokenOf: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp | null;

  constructor(entries: readonly (readonly [string, AddedToken])[]) {
    const named = entries.filter(([content]) => content !== '');
    this.#tokenOf = new Map(named);
    const longestFirst = named.map(([content]) => content).sort((a, b) => b.length - a.length);
    this.#pattern = named.length === 0 ? null : new RegExp(longestFirst.map(escaped).join('|'), 'gu');
  }

  split(text: string): (AddedToken | string)[] {
    if (this.#pattern === null) return [text];
    const parts: (AddedToken | string)[] = [];
    let from = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#tokenOf.get(match[0]) as AddedToken;
      let start = match.index;
      let end = start + match[0].length;
      const [before, behind] = [text.slice(0, start), text.slice(end)];
      if (token.single_word && (ENDS_WITH_WORD.test(before) || STARTS_WITH_WORD.test(behind))) continue;
      if (token.lstrip) start = Math.max(from, start - (SPACES_AT_END.exec(before)?.[0].length ?? 0));
      if (token.rstrip) end += SPACES_AT_START.exec(behind)?.[0].length ?? 0;
      if (start > from) parts.push(text.slice(from, start));
      parts.push(token);
      from = end;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }
}

export class AddedTokens {
  readonly #normalize: (text: string, ends: Ends) => string;
  readonly #raw: Finder;
  readonly #normalized: Finder;

  constructor(tokens: readonly AddedToken[], normalize: (text: string, ends: Ends) => string) {
    this.#normalize = normalize;
    this.#raw = new Finder(tokens.filter((token) => !token.normalized).map((token) => [token.content, token]));
    this.#normalized = new Finder(
      tokens.filter((token) => token.normalized).map((token) => [normalize(token.content, WHOLE), token]),
    );
  }

  /**
   * The sections of a text in their order; empty ones are left out. `ends`: which ends of it are those of the whole
   * text. What stands beside a token that was found is normalized as if it were all.
   */
  sections(text: string, ends: Ends = WHOLE): Section[] {
    const sections: Section[] = [];
    this.#raw.split(text).forEach((part, i, { length }) => {
      if (typeof part !== 'string') {
        sections.push({ id: part.id });
        return;
      }
      const place = { start: i > 0 || ends.start, end: i < length - 1 || ends.end };
      this.#normalized.split(this.#normalize(part, place)).forEach((inner, j) => {
        if (typeof inner !== 'string') sections.push({ id: inner.id });
        else if (inner !== '') sections.push({ text: inner, isFirst: i === 0 && j === 0 && ends.start });
      });
    });
    return sections;
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** All that matters of the tokens, as one text to compare. */
export const addedText = (added: readonly AddedToken[]): string =>
  JSON.stringify(
    [...added]
      .sort((a, b) => a.id - b.id)
      .map(({ id, content, single_word, lstrip, rstrip, normalized }) => [
        id,
        content,
        single_word,
        lstrip,
        rstrip,
        normalized,
      ]),
  );

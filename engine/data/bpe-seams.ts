// BpeSeams: the places of a long word at which no token of a BPE vocabulary goes on. The parts between them, merged one
// by one, give the tokens of the whole: merges on one side of such a place never depend on the other.

export class BpeSeams {
  /** Every two characters that follow on each other within a token. */
  readonly #pairs = new Set<string>();
  readonly #single = new Set<string>();
  readonly #keepsUnknown: boolean;

  /** `keepsUnknown`: characters that are no token may not be parted, since several become one unknown token. */
  constructor(tokens: readonly string[], keepsUnknown: boolean) {
    this.#keepsUnknown = keepsUnknown;
    for (const token of tokens) {
      const characters = Array.from(token);
      if (characters.length === 1) this.#single.add(token);
      for (let i = 1; i < characters.length; i++) this.#pairs.add(`${characters[i - 1]}${characters[i]}`);
    }
  }

  /** Whether a token may hold the two characters side by side. */
  joins(before: string, behind: string): boolean {
    if (this.#pairs.has(before + behind)) return true;
    return this.#keepsUnknown && !this.#single.has(before) && !this.#single.has(behind);
  }

  /** The parts of a word. */
  partsOf(word: string): string[] {
    const parts: string[] = [];
    let part = '';
    let last = '';
    for (const character of word) {
      if (last !== '' && !this.joins(last, character)) {
        parts.push(part);
        part = '';
      }
      part += character;
      last = character;
    }
    if (part !== '') parts.push(part);
    return parts;
  }
}

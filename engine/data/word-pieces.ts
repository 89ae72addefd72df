// WordPieces: the model WordPiece: a word becomes the longest known piece from the left, then the longest known piece
// of the rest, and so on. It does not know what a word is.

export interface WordPieceModel {
  /** The token of every id; of equal ones the last counts. */
  readonly tokens: readonly string[];
  readonly unknown: number;
  /** What marks pieces that begin inside a word. */
  readonly prefix: string;
  /** Words with more code points are unknown. */
  readonly longestWord: number;
}

export class WordPieces {
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #model: WordPieceModel;

  constructor(model: WordPieceModel) {
    this.#idOf = new Map(model.tokens.map((token, id) => [token, id]));
    this.#model = model;
  }

  idsOf(word: string): number[] {
    const { prefix, longestWord, unknown } = this.#model;
    const chars = Array.from(word);
    if (chars.length > longestWord) return [unknown];
    const ids: number[] = [];
    for (let from = 0; from < chars.length;) {
      let to = chars.length;
      let id: number | undefined;
      for (; to > from; to--) {
        id = this.#idOf.get((from > 0 ? prefix : '') + chars.slice(from, to).join(''));
        if (id !== undefined) break;
      }
      // One unknown piece makes the whole word unknown.
      if (id === undefined) return [unknown];
      ids.push(id);
      from = to;
    }
    return ids;
  }
}

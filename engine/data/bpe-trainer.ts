// BpeTrainer: which pairs of tokens are joined, in which order, by how often they follow on each other in the words of
// a text (Sennrich et al. 2016), as the trainer of the library `tokenizers` does it. It knows neither texts nor files.
import { pairKey, PairQueue, type QueuedPair } from './pair-queue.js';

export interface BpeOptions {
  /** Tokens in all; fewer where no pair is left that is frequent enough. */
  readonly size: number;
  /** The first tokens: special ones, which no word has, and then the alphabet. */
  readonly tokens: readonly string[];
  /** What marks tokens inside a word, or ''. */
  readonly prefix: string;
}

export interface Bpe {
  /** The token of every id. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** Pairs that are rarer are not joined. */
const LEAST_COUNT = 2;

/** The words of a text as ids that shrink, and where which pair stands. */
class Words {
  readonly counts = new Map<number, number>();
  readonly #symbols: number[][];
  readonly #times: readonly number[];

  constructor(symbols: number[][], times: readonly number[]) {
    this.#symbols = symbols;
    this.#times = times;
  }

  /** Every pair, and the words that have it. */
  pairs(): Map<number, number[]> {
    const places = new Map<number, number[]>();
    this.#symbols.forEach((word, at) => {
      for (let i = 1; i < word.length; i++)
        this.#change(pairKey(word[i - 1] as number, word[i] as number), 1, at, places);
    });
    return places;
  }

  /** Joins `first` and `second` to `joined` in the words `at`; gives the pairs that are new there. */
  join(first: number, second: number, joined: number, at: readonly number[]): Map<number, number[]> {
    const places = new Map<number, number[]>();
    for (const index of at) {
      const word = this.#symbols[index] as number[];
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] !== first || word[i + 1] !== second) continue;
        if (i > 0) {
          const before = word[i - 1] as number;
          this.#change(pairKey(before, first), -1, index, places);
          this.#change(pairKey(before, joined), 1, index, places);
        }
        word.splice(i, 2, joined);
        if (i + 1 < word.length) {
          const behind = word[i + 1] as number;
          this.#change(pairKey(second, behind), -1, index, places);
          this.#change(pairKey(joined, behind), 1, index, places);
        }
      }
    }
    return places;
  }

  #change(key: number, by: 1 | -1, word: number, places: Map<number, number[]>): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + by * (this.#times[word] as number));
    if (by < 0) return;
    const at = places.get(key);
    if (at === undefined) places.set(key, [word]);
    else if (at.at(-1) !== word) at.push(word);
  }
}

/**
 * Learns from words and how often each occurs. Of equally frequent pairs the one with the lower ids is joined first, so
 * that the same words give the same tokens, in whatever order they come.
 */
export function trainBpe(times: ReadonlyMap<string, number>, { size, tokens: first, prefix }: BpeOptions): Bpe {
  const tokens = [...first];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const symbols = Array.from(times.keys(), (word) =>
    Array.from(word, (character, i) => idOf.get(i === 0 ? character : prefix + character)).filter(
      (id) => id !== undefined,
    ),
  );
  const words = new Words(symbols, [...times.values()]);
  const queue = new PairQueue();
  const enqueue = (places: ReadonlyMap<number, readonly number[]>): void => {
    for (const [key, at] of places) {
      const count = words.counts.get(key) ?? 0;
      if (count > 0) queue.push({ key, count, at });
    }
  };
  enqueue(words.pairs());
  const merges: (readonly [string, string])[] = [];
  for (let top = next(queue, words); top !== null && tokens.length < size; top = next(queue, words)) {
    const [a, b] = top.pair;
    const [left, right] = [tokens[a] as string, tokens[b] as string];
    const joined = left + right.slice(prefix !== '' && right.startsWith(prefix) ? prefix.length : 0);
    const id = idOf.get(joined) ?? tokens.length;
    if (id === tokens.length) {
      tokens.push(joined);
      idOf.set(joined, id);
    }
    merges.push([left, right]);
    enqueue(words.join(a, b, id, top.at));
  }
  return { tokens, merges };
}

/** The most frequent pair by what is counted now, or null where none is frequent enough. */
function next(queue: PairQueue, { counts }: Words): (QueuedPair & { readonly pair: readonly [number, number] }) | null {
  for (;;) {
    const top = queue.pop();
    if (top === null) return null;
    const count = counts.get(top.key) ?? 0;
    if (count === top.count) return count < LEAST_COUNT ? null : top;
    queue.push({ ...top, count });
  }
}

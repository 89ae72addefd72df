// WordMemory: what was made of a word, kept for the next time it occurs: the words of a text are few, and taking one
// apart takes longer than finding it.

/** So many words are kept; then it begins anew. */
const MOST_WORDS = 1 << 16;
/** Longer ones hardly occur twice. */
const LONGEST_WORD = 64;

/** The same function, which has to depend on the word alone; its results are shared. */
export function remembering<T>(make: (word: string) => T): (word: string) => T {
  const known = new Map<string, T>();
  return (word) => {
    const found = known.get(word);
    if (found !== undefined) return found;
    const made = make(word);
    if (word.length <= LONGEST_WORD) {
      if (known.size >= MOST_WORDS) known.clear();
      known.set(word, made);
    }
    return made;
  };
}

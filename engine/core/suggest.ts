// Suggestion: the name a person probably meant. Pure text distance; it knows nothing of options, models or data kinds.

/** Levenshtein distance of two texts: the least number of inserted, deleted or replaced characters. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[b.length] as number;
}

/**
 * The candidate nearest to `name` (case does not count), or null where none is near: at most a third of the letters may
 * differ, but two always may.
 */
export function suggest(name: string, candidates: readonly string[]): string | null {
  const wanted = name.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    // A distance as large as the candidate itself shares no letter with it.
    if (distance < bestDistance && distance < Math.max(wanted.length, candidate.length))
      [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ` Did you mean "x"?`, or nothing; to be appended to a message. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const best = suggest(name, candidates);
  return best === null ? '' : ` Did you mean "${best}"?`;
}

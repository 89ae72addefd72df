// LegendDifference: in what the numbers of two sets of data do not mean the same, in words. Pure.
import type { Legend } from './legend.js';
import type { TokenizerIdentity } from './tokenizer-identity.js';

/** Names that are listed at most; a text of a token that is shown at most. */
const MOST_NAMES = 10;
const MOST_CHARACTERS = 40;

/** Why class ids do not mean the same here and there, or null. */
export function labelDifference(here: Legend, there: Legend): string | null {
  if (JSON.stringify(here.labels) === JSON.stringify(there.labels)) return null;
  return `the labels are ${names(here.labels)} here and ${names(there.labels)} there`;
}

/** Why token ids do not mean the same here and there, or null. */
export function tokenDifference(here: Legend, there: Legend): string | null {
  const [a, b] = [here.tokenizer, there.tokenizer];
  if (a?.sha256 === b?.sha256) return null;
  if (a === null || b === null || a.kind !== b.kind)
    return `the tokens are ${a?.kind ?? 'those of no text'} here and ${b?.kind ?? 'those of no text'} there`;
  const setting = [...new Set([...Object.keys(a.settings), ...Object.keys(b.settings)])].find(
    (name) => a.settings[name] !== b.settings[name],
  );
  if (setting !== undefined)
    return (
      `the tokenizer ${a.kind} has ${setting} ${value(a.settings[setting])} here and ` +
      `${value(b.settings[setting])} there`
    );
  return `the vocabulary is another one: ${tokenAt(a, b)}`;
}

function tokenAt({ tokens: a }: TokenizerIdentity, { tokens: b }: TokenizerIdentity): string {
  const [here, there] = [a ?? [], b ?? []];
  const known = new Set(there);
  const lacking = here.filter((token) => !known.has(token)).length;
  if (lacking > 0 || here.length !== there.length)
    return `it has ${here.length} tokens here and ${there.length} there, which lack ${lacking} of those here`;
  const id = here.findIndex((token, i) => token !== there[i]);
  return `token ${id} is ${value(here[id])} here and ${value(there[id])} there`;
}

const names = (labels: readonly string[]): string =>
  labels.length === 0
    ? 'none'
    : labels.slice(0, MOST_NAMES).map(short).join(', ') +
      (labels.length > MOST_NAMES ? `, ... (${labels.length})` : '');
const value = (one: unknown): string => (one === undefined ? 'not set' : short(JSON.stringify(one)));
const short = (text: string): string => (text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}...` : text);

// Legend: what the numbers in samples stand for, the token of every id and the name of every class, kept beside weights
// that were trained on them. Other data can be read by it, so that their numbers mean the same. It encodes nothing.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type FileLimit, readBoundedText } from '../core/bounded-file.js';
import { DataError, messageOf } from '../core/errors.js';
import type { Dataset } from './dataset.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';

export interface Legend {
  /** What decides token ids; null where the samples are no texts. */
  readonly tokenizer: TokenizerIdentity | null;
  /** Names of the classes by their ids; empty where there are none. */
  readonly labels: readonly string[];
}

/** The name of the file in run and checkpoint folders. */
export const LEGEND_FILE = 'legend.json';

const FORMAT = 'pipetrain-legend-1';
/** The largest vocabularies in use have 5 MB; millions of words, which the option vocabulary allows, have more. */
const LIMIT: FileLimit = { maxBytes: 128e6, remedy: 'Name the legend.json of a run or of a checkpoint.' };
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const schema = z.strictObject({
  format: z.literal(FORMAT),
  tokenizer: z
    .strictObject({
      kind: z.string().max(100),
      tokens: z.array(z.string()).nullable(),
      settings: z.record(z.string().max(100), z.union([z.string(), z.number(), z.boolean()])),
      sha256,
    })
    .nullable(),
  labels: z.array(z.string()),
  sha256,
});

export const legendOf = ({ tokenizer, labels }: Pick<Dataset, 'tokenizer' | 'labels'>): Legend => ({
  tokenizer: tokenizer?.identity ?? null,
  labels,
});

/** SHA-256 over what the numbers stand for. */
export const legendDigest = ({ tokenizer, labels }: Legend): string =>
  createHash('sha256')
    .update(JSON.stringify([tokenizer?.sha256 ?? null, labels]))
    .digest('hex');

/** As it is kept. */
export const legendText = (legend: Legend): string =>
  JSON.stringify({ format: FORMAT, ...legend, sha256: legendDigest(legend) });

/** Reads what `legendText` made. Throws a DataError (PT_DATA_LEGEND) where it is none, or not what was written. */
export function readLegend(path: string): Legend {
  const wrong = (why: string, cause?: unknown): DataError =>
    new DataError(
      'PT_DATA_LEGEND',
      `${path} is no legend of a run: ${why}`,
      'Name the legend.json of a run or of a checkpoint with --data-options legend=FILE, or legend=none.',
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(readBoundedText(path, LIMIT));
  } catch (cause) {
    throw wrong(messageOf(cause), cause);
  }
  const { data, error } = schema.safeParse(value);
  if (data === undefined) throw wrong(`${error.issues[0]?.path.join('.') ?? ''}: ${error.issues[0]?.message ?? ''}`);
  const { tokenizer, labels } = data;
  const made = tokenizer === null ? null : tokenizerIdentity(tokenizer.kind, tokenizer.tokens, tokenizer.settings);
  if (made?.sha256 !== tokenizer?.sha256 || legendDigest({ tokenizer: made, labels }) !== data.sha256)
    throw wrong('its digest is another one than it says: it was damaged, or edited');
  return { tokenizer: made, labels };
}

/**
 * Names of the classes in the order of a legend, where it has them all: then classes that these data lack keep their
 * places, too. Otherwise as they are.
 */
export const labelsBy = (names: readonly string[], legend: Legend | null): readonly string[] =>
  legend !== null && names.every((name) => legend.labels.includes(name)) ? legend.labels : names;

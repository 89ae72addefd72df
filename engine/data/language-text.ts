// Encoding of running text for a language model: windows of T tokens that do not overlap, and the same windows one
// token later as targets.
import { DataError } from '../core/errors.js';
import type { TokenArray } from './column.js';
import { tokenArray, windowColumn } from './column.js';
import type { DataSummary, TokenFacts } from './data-summary.js';
import type { Tokenizer } from './dataset.js';
import { TableDataset } from './table-dataset.js';
import { piecesOf } from './text-pieces.js';

/** Encodes a long text, piece by piece, so that no list of all tokens is ever boxed. */
function encodeAll(tokenizer: Tokenizer, text: string): TokenArray {
  const pieces: TokenArray[] = [];
  let total = 0;
  let from = 0;
  for (const part of piecesOf(text, tokenizer.cut ?? 'line', tokenizer.joinsSpace)) {
    const ids = tokenizer.encode(part, { start: from === 0, end: from + part.length === text.length });
    from += part.length;
    const piece = tokenArray(tokenizer.size, ids.length);
    piece.set(ids);
    pieces.push(piece);
    total += piece.length;
  }
  const all = tokenArray(tokenizer.size, total);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function shareOf(tokens: TokenArray, token: number): number {
  let found = 0;
  for (const id of tokens) if (id === token) found += 1;
  return found / Math.max(1, tokens.length);
}

function tokenFacts(
  { name, size, file, unknown }: Tokenizer,
  [train, validation]: readonly [TokenArray, TokenArray],
  sequence: number,
  isGiven: boolean,
): TokenFacts {
  const unknowns =
    unknown === null ? null : { train: shareOf(train, unknown), validation: shareOf(validation, unknown) };
  return { tokenizer: name, size, file, unknown: unknowns, sequence, isGiven, most: null, cut: null };
}

export interface RunningText {
  readonly source: string;
  readonly train: string;
  readonly validation: string;
  readonly tokenizer: Tokenizer;
  /** Tokens per sample. */
  readonly sequence: number;
  readonly digest: string;
  /** What is known of the text before it is encoded. */
  readonly facts: Pick<DataSummary, 'files' | 'split'>;
  /** Whether somebody gave the length. */
  readonly isLengthGiven: boolean;
}

/** Windows of a part of so many tokens. Throws PT_DATA_SHORT where there is none. */
export function windowsOf(source: string, length: number, sequence: number, part: string): number {
  const count = Math.floor((length - 1) / sequence);
  if (count >= 1) return count;
  throw new DataError(
    'PT_DATA_SHORT',
    `${source}: the ${part} part has ${length} tokens, one window needs ${sequence + 1}`,
    'use more text, or a shorter window with the option sequence=N',
  );
}

/** Makes the data set. Throws PT_DATA_SHORT where a part has fewer tokens than one window and its last target need. */
export function encodeLanguage({
  source,
  train,
  validation,
  tokenizer,
  sequence,
  digest,
  facts,
  isLengthGiven,
}: RunningText): TableDataset {
  const parts = [encodeAll(tokenizer, train), encodeAll(tokenizer, validation)] as const;
  const counts = parts.map((tokens, i) =>
    windowsOf(source, tokens.length, sequence, i === 0 ? 'training' : 'validation'),
  );
  const [trainTokens, validationTokens] = parts;
  const stream = tokenArray(tokenizer.size, trainTokens.length + validationTokens.length);
  stream.set(trainTokens);
  stream.set(validationTokens, trainTokens.length);
  const [numTrain = 0, numValidation = 0] = counts;
  const startOf = (id: number): number =>
    id < numTrain ? id * sequence : trainTokens.length + (id - numTrain) * sequence;
  const starts = (shift: number): Float64Array =>
    Float64Array.from({ length: numTrain + numValidation }, (_, id) => startOf(id) + shift);
  return new TableDataset({
    source,
    info: { task: 'language-model', classes: null, vocabulary: tokenizer.size, sequence },
    columns: [
      windowColumn({ name: 'tokens', shape: [sequence], dtype: 'int32' }, stream, starts(0)),
      windowColumn({ name: 'targets', shape: [sequence], dtype: 'int32' }, stream, starts(1)),
    ],
    numTrain,
    numValidation,
    digest,
    tokenizer,
    summary: {
      source,
      numTrain,
      numValidation,
      ...facts,
      limits: [],
      running: {
        trainCharacters: train.length,
        validationCharacters: validation.length,
        trainTokens: trainTokens.length,
        validationTokens: validationTokens.length,
      },
      tokens: tokenFacts(tokenizer, parts, sequence, isLengthGiven),
    },
  });
}

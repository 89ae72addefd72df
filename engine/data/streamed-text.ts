// StreamedText: running text for a language model that is read from disk: tokens go to a file once, samples are windows
// of that file. The samples, their order and their tokens are those of language-text.ts.
import { createHash } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { present } from '../core/invariant.js';
import type { DataSummary } from './data-summary.js';
import type { Tokenizer } from './dataset.js';
import type { DataRequest } from './kind.js';
import { windowsOf } from './language-text.js';
import { legendDigest } from './legend.js';
import { legendTokenizer, tokenizerBy } from './legend-tokenizer.js';
import { SourceFiles } from './source-files.js';
import { TableDataset } from './table-dataset.js';
import { TextStream } from './text-stream.js';
import { TokenFolder } from './token-file.js';
import { languageTokenizer, type TokenizerOptions } from './tokenizer-choice.js';
import { tokenizerFile } from './tokenizer-source.js';

const FORMAT = 'pipetrain-tokens-1';
/** As much of the beginning as shows whether a tokenizer knows the text. */
const HEAD_CHARACTERS = 200_000;

const count = z.number().int().nonnegative();
const partSchema = z.object({ characters: count, tokens: count, unknown: count });
const noteSchema = z.object({
  format: z.literal(FORMAT),
  digest: z.string(),
  /** What makes the tokenizer again; null where its files do. */
  tokenizer: z
    .object({
      kind: z.string(),
      tokens: z.array(z.string()).nullable(),
      settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
      sha256: z.string(),
    })
    .nullable(),
  train: partSchema,
  validation: partSchema,
});
type Note = z.infer<typeof noteSchema>;

export interface StreamedText {
  readonly request: DataRequest;
  readonly choice: Omit<TokenizerOptions, 'legend'>;
  readonly maxBytes: number;
  /** Share of the characters, at the end, that validates. */
  readonly validationShare: number;
  /** Tokens per sample, and whether somebody gave it. */
  readonly sequence: number;
  readonly isLengthGiven: boolean;
  /** Where the file of tokens lies. */
  readonly folder: string;
}

interface Made {
  readonly note: Note;
  readonly tokenizer: Tokenizer;
}

/** Opens the data set; makes the file of tokens where there is none yet. Throws as reading and tokenizing do. */
export function openStreamedText(text: StreamedText): TableDataset {
  const steps = preparing(text);
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return opened(text, step.value);
}

/** As `openStreamedText`; meanwhile the process answers others, as the workers who wait for a coordinator. */
export async function loadStreamedText(text: StreamedText): Promise<TableDataset> {
  const steps = preparing(text);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return opened(text, step.value);
    await new Promise((resolve) => void setImmediate(resolve));
  }
}

type Prepared = Made & { readonly file: NonNullable<ReturnType<TokenFolder['open']>> };

/** Finds the file of tokens, or makes it. */
function* preparing(text: StreamedText): Generator<undefined, Prepared> {
  const folder = new TokenFolder(text.folder);
  const key = keyOf(text);
  const fileOf = ({ note: { train, validation }, tokenizer }: Made): Prepared['file'] | null =>
    folder.open(key, tokenizer.size, train.tokens + validation.tokens);
  const note = noteSchema.safeParse(folder.note(key)).data;
  const tokenizer = note === undefined ? null : tokenizerOf(note, text);
  if (note !== undefined && tokenizer !== null) {
    const file = fileOf({ note, tokenizer });
    if (file !== null) return { note, tokenizer, file };
  }
  const made = yield* makeTokens(text, folder, key);
  return { ...made, file: present(fileOf(made), `the tokens of ${text.request.path}`) };
}

function opened(text: StreamedText, { note, tokenizer, file }: Prepared): TableDataset {
  const { request, sequence } = text;
  const { train, validation, digest } = note;
  const [numTrain, numValidation] = [
    windowsOf(request.source, train.tokens, sequence, 'training'),
    windowsOf(request.source, validation.tokens, sequence, 'validation'),
  ];
  const startOf = (id: number): number => (id < numTrain ? id * sequence : train.tokens + (id - numTrain) * sequence);
  return new TableDataset({
    source: request.source,
    info: { task: 'language-model', classes: null, vocabulary: tokenizer.size, sequence },
    columns: [
      file.column({ name: 'tokens', shape: [sequence], dtype: 'int32' }, startOf),
      file.column({ name: 'targets', shape: [sequence], dtype: 'int32' }, (id) => startOf(id) + 1),
    ],
    numTrain,
    numValidation,
    digest,
    tokenizer,
    summary: summaryOf(text, note, tokenizer, { numTrain, numValidation }),
  });
}

function summaryOf(
  { request, sequence, isLengthGiven, validationShare }: StreamedText,
  { train, validation }: Note,
  tokenizer: Tokenizer,
  counts: Pick<DataSummary, 'numTrain' | 'numValidation'>,
): DataSummary {
  const share = ({ unknown, tokens }: Note['train']): number => unknown / Math.max(1, tokens);
  const { name, size, file: tokenizerPath, unknown } = tokenizer;
  return {
    source: request.source,
    ...counts,
    files: [{ path: basename(request.path), samples: 1, part: 'both', heading: null }],
    split: { how: 'last', share: validationShare },
    limits: [],
    running: {
      trainCharacters: train.characters,
      validationCharacters: validation.characters,
      trainTokens: train.tokens,
      validationTokens: validation.tokens,
    },
    tokens: {
      tokenizer: name,
      size,
      file: tokenizerPath,
      unknown: unknown === null ? null : { train: share(train), validation: share(validation) },
      sequence,
      isGiven: isLengthGiven,
      most: null,
      cut: null,
    },
  };
}

/**
 * What decides the tokens. Of the files, what changes whenever somebody writes them: to read all of a text for its
 * digest takes every worker as long as to tokenize it again.
 */
function keyOf({ request, choice, maxBytes, validationShare }: StreamedText): string {
  const identity = (path: string): readonly string[] => {
    const { size, mtimeNs, ctimeNs, ino, dev } = statSync(path, { bigint: true });
    return [realpathSync(path), ...[size, mtimeNs, ctimeNs, ino, dev].map(String)];
  };
  const vocab = choice.vocab === undefined ? null : tokenizerPathOf(choice.vocab);
  const parts = [
    FORMAT,
    identity(request.path),
    vocab === null ? null : identity(vocab),
    choice,
    maxBytes === Infinity ? null : maxBytes,
    validationShare,
    request.legend === null ? null : legendDigest(request.legend),
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

const tokenizerPathOf = (vocab: string): string =>
  statSync(vocab).isDirectory() ? (tokenizerFile(vocab) ?? vocab) : vocab;

function tokenizerOf({ tokenizer }: Note, { choice, request }: StreamedText): Tokenizer | null {
  if (tokenizer !== null) return tokenizerBy(tokenizer);
  return languageTokenizer({ ...choice, legend: null }, dirname(request.path), '', [], new SourceFiles());
}

/** In steps, between which others may have their turn; counting words takes one. */
function* makeTokens(
  { request, choice, maxBytes, validationShare }: StreamedText,
  folder: TokenFolder,
  key: string,
): Generator<undefined, Made> {
  const stream = new TextStream(request.path, maxBytes);
  const { length, sha256, characters, head } = yield* stream.facts(HEAD_CHARACTERS);
  const middle = Math.floor(length * (1 - validationShare));
  const cut = (yield* stream.isInsideCharacter(middle)) ? middle + 1 : middle;
  const files = new SourceFiles();
  const tokenizer = languageTokenizer(
    { ...choice, legend: legendTokenizer(request, [head, characters]) },
    dirname(request.path),
    characters,
    // Words end at line breaks.
    stream.pieces(0, cut, {}),
    files,
  );
  const note = yield* folder.write(key, tokenizer.size, function* (add): Generator<undefined, Note> {
    const part = function* (from: number, to: number): Generator<undefined, Note['train']> {
      const counts = { characters: to - from, tokens: 0, unknown: 0 };
      let at = from;
      for (const piece of stream.pieces(from, to, tokenizer)) {
        const ids = piece === '' ? [] : tokenizer.encode(piece, { start: at === from, end: at + piece.length === to });
        at += piece.length;
        add(ids);
        counts.tokens += ids.length;
        for (const id of ids) if (id === tokenizer.unknown) counts.unknown += 1;
        yield;
      }
      return counts;
    };
    return {
      format: FORMAT,
      digest: files.digestBehind(basename(request.path), sha256),
      tokenizer: tokenizer.file === null ? ({ ...tokenizer.identity } as Note['tokenizer']) : null,
      train: yield* part(0, cut),
      validation: yield* part(cut, length),
    };
  });
  return { note, tokenizer };
}

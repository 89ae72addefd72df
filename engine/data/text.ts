// Data kind `text`: running text of a file or of the files below a folder, for language models.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { DataError, UsageError } from '../core/errors.js';
import { type Dataset, MOST_TOKENS } from './dataset.js';
import type { DataKind, DataRequest } from './kind.js';
import { dataOptions } from './kind.js';
import { encodeLanguage } from './language-text.js';
import { legendTokenizer } from './legend-tokenizer.js';
import { isFolder, SourceFiles, TEXT_LIMIT, tooLarge } from './source-files.js';
import { loadStreamedText, openStreamedText, type StreamedText } from './streamed-text.js';
import { usualTokenFolder } from './token-file.js';
import { languageTokenizer, tokenizerOption } from './tokenizer-choice.js';
import { TRAINED_NAME } from './trained-tokenizer.js';

const options = z.strictObject({
  sequence: z.number().int().positive().max(MOST_TOKENS).optional().describe('tokens per sample (default 128)'),
  tokenizer: tokenizerOption
    .optional()
    .describe(
      'chars, bytes, words, wordpiece (of vocab), or trained on the text: bpe:N, wordpiece:N, N tokens (default: ' +
        'chars, or bytes above 256 different characters)',
    ),
  vocab: z
    .string()
    .optional()
    .describe('a tokenizer.json, a vocabulary with one token per line, or a folder with either'),
  vocabulary: z
    .number()
    .int()
    .positive()
    .default(8000)
    .describe('words: the most frequent words of the training part that are kept'),
  lowercase: z
    .boolean()
    .optional()
    .describe('words, wordpiece: fold case (default: as the files of the tokenizer say, else true)'),
  match: z.string().min(1).optional().describe('folder: only files whose name ends so, e.g. .d.ts'),
  maxBytes: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('stop reading after so many bytes; whole files of a folder, the beginning of a single file'),
  onDisk: z
    .boolean()
    .optional()
    .describe('a single file: read it in pieces and keep its tokens in a file (default: from 64 MB on)'),
  tokensDir: z.string().min(1).optional().describe('folder for that file (default: below that of temporary files)'),
});

const DEFAULT_SEQUENCE = 128;
/** Share of the characters, at the end, that validates. */
const VALIDATION_SHARE = 0.1;

/**
 * Files below `folder` in the order of their paths. Hidden files and folders and links are left out, links because they
 * may go round in circles.
 */
function* filesBelow(folder: string): Generator<string> {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}

/**
 * Text files of a folder, one after another, with a line break between where a file does not end in one. What is no
 * text is passed over.
 */
function readFolder(
  files: SourceFiles,
  folder: string,
  match: string,
  maxBytes: number,
): { readonly whole: string; readonly texts: number } {
  const ending = match.replace(/^\*+/, '');
  const texts: string[] = [];
  let total = 0;
  let passed = 0;
  for (const path of filesBelow(folder)) {
    if (!path.endsWith(ending)) continue;
    // One that went away, or leads nowhere, is no text.
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (total + size > maxBytes) break;
    if (size === 0) continue;
    const text = readIfText(files, path);
    if (text === null) {
      passed += 1;
      continue;
    }
    total += size;
    if (total > TEXT_LIMIT.maxBytes) throw tooLarge(`the text files below ${folder} have more`, TEXT_LIMIT);
    texts.push(text.endsWith('\n') ? text : `${text}\n`);
  }
  if (texts.length === 0) {
    throw new DataError(
      'PT_DATA_EMPTY',
      `no text files${ending === '' ? '' : ` ending in ${ending}`} below ${folder}` +
        `${maxBytes === Infinity ? '' : ` within ${maxBytes} bytes`} (${passed} are not text)`,
      'check the folder and the options match and maxBytes',
    );
  }
  return { whole: texts.join(''), texts: texts.length };
}

/** The text of a file, or null where it is not readable text. */
function readIfText(files: SourceFiles, path: string): string | null {
  try {
    const text = files.readText(path);
    return text.includes('\0') ? null : text;
  } catch (error) {
    if (error instanceof DataError && ['PT_DATA_ENCODING', 'PT_DATA_UNREADABLE', 'PT_DATA_GZIP'].includes(error.code))
      return null;
    throw error;
  }
}

/** Fields `tokens` [T] int32 and `targets` [T] int32, the tokens shifted by one. */
export const text: DataKind = {
  name: 'text',
  summary: 'FILE, or DIR whose text files are read in order; the last 10 % validate',
  presets: ['vocab'],
  open(request) {
    const streamed = streamedOf(request);
    return streamed === null ? openHeld(request) : openStreamedText(streamed);
  },
  load(request) {
    const streamed = streamedOf(request);
    return streamed === null ? Promise.resolve().then(() => openHeld(request)) : loadStreamedText(streamed);
  },
};

/** What is read from disk, or null for a text that is held. */
function streamedOf(request: DataRequest): StreamedText | null {
  const { sequence, maxBytes, onDisk, tokensDir, match: _, ...choice } = dataOptions(options, request);
  const given = sequence ?? request.defaultSequence;
  const limit = maxBytes ?? Infinity;
  if (isFolder(request.path) || isTrained(choice.tokenizer, onDisk)) return null;
  if (!readsFromDisk(request.path, limit, onDisk)) return null;
  return {
    request,
    choice,
    maxBytes: limit,
    validationShare: VALIDATION_SHARE,
    sequence: given ?? DEFAULT_SEQUENCE,
    isLengthGiven: given !== null,
    folder: tokensDir ?? usualTokenFolder(),
  };
}

/** Who trains a tokenizer looks at the whole text. Throws a UsageError (PT_DATA_OPTION) where it is not to be held. */
function isTrained(tokenizer: string | undefined, onDisk: boolean | undefined): boolean {
  if (tokenizer === undefined || !TRAINED_NAME.test(tokenizer)) return false;
  if (onDisk !== true) return true;
  throw new UsageError(
    'PT_DATA_OPTION',
    `the option tokenizer=${tokenizer} trains on the whole text, onDisk=true does not hold it`,
    'leave onDisk out, or take another tokenizer: bytes, or one that is there (vocab=FILE)',
  );
}

function openHeld(request: DataRequest): Dataset {
  const {
    sequence,
    match,
    maxBytes,
    onDisk: _onDisk,
    tokensDir: _tokensDir,
    ...choice
  } = dataOptions(options, request);
  const given = sequence ?? request.defaultSequence;
  const files = new SourceFiles();
  const isDir = isFolder(request.path);
  const limit = maxBytes ?? Infinity;
  const { whole, texts } = isDir
    ? readFolder(files, request.path, match ?? '', limit)
    : { whole: readOne(files, request.path, limit), texts: 1 };
  const cut = splitPoint(whole);
  const [train, validation] = [whole.slice(0, cut), whole.slice(cut)];
  const tokenizer = languageTokenizer(
    { ...choice, legend: legendTokenizer(request, [whole]) },
    isDir ? request.path : dirname(request.path),
    whole,
    [train],
    files,
  );
  return encodeLanguage({
    source: request.source,
    train,
    validation,
    tokenizer,
    sequence: given ?? DEFAULT_SEQUENCE,
    digest: files.digest(),
    facts: {
      files: [{ path: basename(request.path), samples: texts, part: 'both', heading: null }],
      split: { how: 'last', share: VALIDATION_SHARE },
    },
    isLengthGiven: given !== null,
  });
}

/** Bytes from which a text is not held. */
const MUCH = 64e6;

/** What is read from disk has as many tokens, of up to 4 bytes each. */
const STREAM_LIMIT = { maxBytes: 64e9, remedy: TEXT_LIMIT.remedy };

/** Packed, a text has no places to be read from. */
function readsFromDisk(path: string, limit: number, wanted: boolean | undefined): boolean {
  const stat = statSync(path);
  if (!stat.isFile() || stat.size === 0 || path.endsWith('.gz')) return false;
  const bytes = Math.min(stat.size, limit);
  if (bytes > STREAM_LIMIT.maxBytes) throw tooLarge(`${path} has ${bytes} bytes`, STREAM_LIMIT);
  return wanted ?? bytes > MUCH;
}

function readOne(files: SourceFiles, path: string, maxBytes: number): string {
  // One that is too large to be held is not held, either, where only its beginning is asked for.
  return statSync(path).size > TEXT_LIMIT.maxBytes && maxBytes <= TEXT_LIMIT.maxBytes
    ? files.readTextStart(path, maxBytes)
    : firstBytes(files.readText(path), maxBytes);
}

/** The beginning of a text, at most so many bytes of UTF-8, never half a character. */
function firstBytes(whole: string, maxBytes: number): string {
  if (whole.length * 3 <= maxBytes) return whole;
  const bytes = Buffer.from(whole);
  return bytes.length <= maxBytes ? whole : new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true });
}

/** Where validation begins; never between the halves of a surrogate pair. */
function splitPoint(whole: string): number {
  const cut = Math.floor(whole.length * (1 - VALIDATION_SHARE));
  const code = whole.charCodeAt(cut);
  return code >= 0xdc00 && code <= 0xdfff ? cut + 1 : cut;
}

// ModelSource: where the definition of a model came from, and the digest of what it was read from. It tells whether a
// run that goes on has the model that it began with. What the code does beyond its files (what it reads or asks for
// when it runs) is not in it, nor are pretrained weights: a run that goes on has its own.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { readBoundedFile } from '../core/bounded-file.js';

/** Files that are listed one by one; of more, only the digest over all is kept. */
const MOST_FILES = 64;
const LIMIT = { maxBytes: 128 * 2 ** 20, remedy: 'Download it again; a real one has some megabytes at most.' };

export const modelSourceSchema = z.object({
  /** Code of this package, a folder in the layout of Hugging Face (data), or a file that is code. */
  kind: z.enum(['built-in', 'folder', 'file']),
  /** Absolute; null for a built-in model. */
  path: z.string().nullable(),
  /** Over the names and contents of all files. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Relative to the folder, or to that of the file. */
  files: z.array(z.object({ file: z.string(), sha256: z.string() })),
});
export type ModelSource = z.infer<typeof modelSourceSchema>;

/** What of a folder decides what is computed, besides the weights. */
const FOLDER_FILES = [
  'config.json',
  'tokenizer_config.json',
  'tokenizer.json',
  'special_tokens_map.json',
  'sentence_bert_config.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
];

export const builtInSource = (name: string): ModelSource => ({
  kind: 'built-in',
  path: null,
  sha256: sha256Of(`built-in ${name}`),
  files: [],
});

/** The source `hf:DIR`. */
export function folderSource(folder: string): ModelSource {
  const names = FOLDER_FILES.filter((name) => existsSync(join(folder, name)));
  return sourceOf(
    'folder',
    resolve(folder),
    new Map(names.map((name) => [name, readBoundedFile(join(folder, name), LIMIT)])),
  );
}

/** The source of a model file. `contents` are those of all files that it was built from, by their relative paths. */
export const fileSource = (path: string, contents: ReadonlyMap<string, Uint8Array>): ModelSource =>
  sourceOf('file', resolve(path), contents);

function sourceOf(kind: 'folder' | 'file', path: string, contents: ReadonlyMap<string, Uint8Array>): ModelSource {
  const files = [...contents]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, bytes]) => ({ file, sha256: sha256Of(bytes) }));
  return { kind, path, sha256: sha256Of(JSON.stringify(files)), files: files.length > MOST_FILES ? [] : files };
}

/** What is not as it was, in words: the files, where they are known. */
export function changedFiles(was: ModelSource, is: ModelSource): string {
  const [before, now] = [was, is].map(({ files }) => new Map(files.map(({ file, sha256 }) => [file, sha256] as const)));
  const names = [...new Set([...(before?.keys() ?? []), ...(now?.keys() ?? [])])];
  const changed = names.filter((name) => before?.get(name) !== now?.get(name));
  // The file of the model itself goes by no name in the list: a copy may have another one.
  const itself = basename(is.path ?? was.path ?? '');
  const fate = (name: string): string =>
    before?.has(name) !== true ? 'is new' : now?.has(name) !== true ? 'is gone' : 'changed';
  const words = changed.map((name) => `${name === '.' ? itself : name} ${fate(name)}`);
  return words.length === 0 ? '' : ` (${words.slice(0, 5).join(', ')}${words.length > 5 ? ', ...' : ''})`;
}

const sha256Of = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

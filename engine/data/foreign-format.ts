// ForeignFormat: what a file or a folder is that a kind of data cannot read, by its name and its first bytes, and what
// can be done with it today. It reads no data.
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { DataError, UsageError } from '../core/errors.js';
import { isHubFolder } from './hub-folder.js';

interface Foreign {
  /** With its article. */
  readonly what: string;
  readonly remedy: string;
}

const MAGIC: readonly (readonly [bytes: string, format: string])[] = [
  ['PK\x03\x04', 'zip'],
  ['PAR1', 'parquet'],
  ['\x89PNG', 'png'],
  ['\xff\xd8\xff', 'jpg'],
  ['GIF8', 'gif'],
  ['%PDF', 'pdf'],
  ['\xd0\xcf\x11\xe0', 'xls'],
  ['ARROW1', 'arrow'],
  ['SQLite format 3', 'sqlite'],
  ['\x93NUMPY', 'npy'],
  ['BZh', 'bz2'],
  ['\xfd7zXZ', 'xz'],
  ['\x28\xb5\x2f\xfd', 'zst'],
];
const IMAGES = new Set(['png', 'jpg', 'jpeg', 'gif', 'bmp', 'webp', 'tif', 'tiff', 'ppm', 'pgm']);
/** Entries of a folder that are looked at. */
const MOST_ENTRIES = 1000;
/** Of a file, to see what it is. */
const HEAD_BYTES = 2048;

/** Refuses what a kind cannot read and would misread, with what it is. Throws a DataError (PT_DATA_FORMAT). */
export function requireReadable(kind: string, path: string, isWanted: boolean): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || isWanted) return;
  const foreign = stat.isDirectory() ? foreignFolder(kind, path) : foreignFile(kind, path);
  if (foreign !== null)
    throw new DataError('PT_DATA_FORMAT', `${path} is ${foreign.what}, which ${kind} does not read`, foreign.remedy);
}

/**
 * The error for data that is a path and names no kind: the kind that its name and content speak for, or what it is
 * where there is none. `list` names all kinds.
 */
export function kindless(path: string, list: string): UsageError {
  const stat = statSync(path, { throwIfNoEntry: false });
  const kind = stat?.isDirectory() === true ? kindOfFolder(path) : kindOfFile(path);
  if (kind !== null)
    return new UsageError('PT_DATA_KIND', `data "${path}" names no kind; write ${kind}:${path}.`, list);
  const foreign = stat === undefined ? null : stat.isDirectory() ? foreignFolder('', path) : foreignFile('', path);
  const [what, hint] = foreign === null ? ['', list] : [`; it is ${foreign.what}`, foreign.remedy];
  return new UsageError('PT_DATA_KIND', `data "${path}" names no kind, write KIND:PATH${what}.`, hint);
}

const endingOf = (path: string): string => extname(path.replace(/\.gz$/i, '')).slice(1).toLowerCase();

function kindOfFile(path: string): string | null {
  switch (endingOf(path)) {
    case 'tsv':
    case 'tab':
      return 'tsv';
    case 'csv':
      return 'csv';
    case 'jsonl':
    case 'ndjson':
      return 'jsonl';
    case 'parquet':
      return 'parquet';
    case 'txt':
    case 'text':
    case 'md':
      return 'text';
    default:
      return null;
  }
}

function kindOfFolder(path: string): string | null {
  for (const kind of ['tsv', 'csv', 'jsonl'])
    if (existsSync(join(path, `train.${kind}`)) || existsSync(join(path, `train.${kind}.gz`))) return kind;
  const names = entriesOf(path);
  if (names.some((name) => /idx[13]-ubyte(\.gz)?$/.test(name))) return 'mnist';
  if (isHubFolder(path)) return 'hfdata';
  return names.length > 0 && names.every((name) => kindOfFile(name) === 'text') ? 'text' : null;
}

function foreignFile(kind: string, path: string): Foreign | null {
  if (kind === 'parquet') return null;
  const head = headOf(path);
  const ending = endingOf(path);
  const byMagic = MAGIC.find(([bytes]) => head.startsWith(bytes))?.[1] ?? null;
  if (byMagic !== null) return formatted(byMagic === 'zip' ? zipOf(ending) : byMagic, path);
  const json = jsonOf(kind, ending, head);
  if (json !== null) return formatted(json, path);
  if (kind === 'text' && (ending === 'csv' || ending === 'tsv')) return table(ending, path);
  return ['parquet', 'xlsx', 'xls', 'npz', 'zip', 'arrow', 'pdf', 'pkl', 'tar'].includes(ending)
    ? formatted(ending, path)
    : null;
}

/** Whether a file is JSON Lines or other JSON that this kind does not read. */
function jsonOf(kind: string, ending: string, head: string): 'jsonl' | 'json' | null {
  if (kind === 'jsonl') return /^\s*\[/.test(head) ? 'json' : null;
  if (['jsonl', 'ndjson'].includes(ending) || isJsonLines(head)) return 'jsonl';
  return ending === 'json' || isJson(head) ? 'json' : null;
}

const table = (ending: string, path: string): Foreign => ({
  what: `a table (.${ending})`,
  remedy: `read texts with labels as such: --data ${ending}:${path}`,
});

const zipOf = (ending: string): string => (['xlsx', 'npz', 'docx', 'ods'].includes(ending) ? ending : 'zip');

/** What a format is called, and a line that makes something readable of it. */
function formatted(format: string, path: string): Foreign {
  const name = basename(path).replace(/\.[^.]*$/, '');
  switch (format) {
    case 'jsonl':
      return { what: 'JSON Lines', remedy: `read texts with labels as such: --data jsonl:${path}` };
    case 'json':
      return {
        what: 'JSON',
        remedy:
          `write a list of objects as JSON Lines, one per line: ` +
          `node -e "for (const row of JSON.parse(require('fs').readFileSync(0, 'utf8'))) ` +
          `console.log(JSON.stringify(row))" < ${path} > ${name}.jsonl; then --data jsonl:${name}.jsonl`,
      };
    case 'parquet':
      return { what: 'a Parquet file', remedy: `read texts with labels as such: --data parquet:${path}` };
    case 'xlsx':
    case 'xls':
    case 'ods':
      return {
        what: 'a spreadsheet',
        remedy: `save the sheet as "CSV UTF-8" in the program that made it; then --data csv:${name}.csv`,
      };
    case 'zip':
    case 'tar':
    case 'bz2':
    case 'xz':
    case 'zst':
      return { what: `an archive (${format})`, remedy: 'unpack it, and name what is inside' };
    case 'npz':
    case 'npy':
      return {
        what: `a file of NumPy arrays (${format})`,
        remedy: 'write images and labels as IDX files, texts as CSV: docs/data.md has a line for each',
      };
    default:
      return IMAGES.has(format)
        ? {
            what: 'an image',
            remedy: 'images are read as IDX files of all of them: docs/data.md has a line that writes them',
          }
        : { what: `a .${format} file`, remedy: 'write texts and labels as CSV, TSV or JSON Lines: docs/data.md' };
  }
}

/** Folders of images, or of a folder of text files per class. */
function foreignFolder(kind: string, path: string): Foreign | null {
  const below = entriesOf(path).flatMap((name) => {
    const inside = join(path, name);
    return isDirectory(inside) ? entriesOf(inside) : [name];
  });
  const count = (test: (name: string) => boolean): number => below.slice(0, MOST_ENTRIES).filter(test).length;
  const total = Math.min(below.length, MOST_ENTRIES);
  if (2 * count((name) => IMAGES.has(endingOf(name))) > total)
    return {
      what: 'a folder of images',
      remedy: 'images are read as IDX files (mnist:DIR): docs/data.md has a line that writes them from such a folder',
    };
  if (kindOfFolder(path) !== null && kind !== 'text') return null;
  const isData = (name: string): boolean =>
    ['jsonl', 'ndjson', 'json', 'parquet', 'csv', 'tsv'].includes(endingOf(name));
  if ((kind === 'text' || kind === '') && 2 * count(isData) > total)
    return {
      what: `a folder of data files (${below.filter(isData).slice(0, 3).join(', ')})`,
      remedy: 'read texts with labels as such: --data csv:FILE, tsv:FILE or jsonl:FILE; docs/data.md says how',
    };
  if (kind !== 'text' && total > 0 && 2 * count((name) => endingOf(name) === 'txt') > total)
    return {
      what: 'a folder of text files',
      remedy: isDirectory(join(path, entriesOf(path)[0] ?? ''))
        ? `write one line per file, its folder being the label: node -e "const fs = require('fs'), d = '${path}'; ` +
          `for (const label of fs.readdirSync(d)) for (const f of fs.readdirSync(d + '/' + label)) ` +
          `console.log(JSON.stringify({ text: fs.readFileSync(d + '/' + label + '/' + f, 'utf8'), label }))" ` +
          '> texts.jsonl; then --data jsonl:texts.jsonl'
        : `to learn to continue them, without labels: --data text:${path}; with labels: one file of text and label`,
    };
  return null;
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Names in a folder, hidden ones left out; none where it cannot be read: who opens it will say so. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return [];
  }
}

/** The first bytes, one character each; none where they cannot be read. */
function headOf(path: string): string {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const file = openSync(path, 'r');
    try {
      return head.toString('latin1', 0, readSync(file, head));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

/** Whether a text begins with a JSON object on a line of its own. */
function isJsonLines(head: string): boolean {
  const [line = '', ...others] = unmarked(head).trimStart().split(/\r?\n/);
  // Longer than what was read, perhaps.
  if (others.length === 0 && head.length === HEAD_BYTES) return /^\{\s*"[^"\t]*"\s*:\s*["\d[{tfn-]/.test(line);
  try {
    return line.startsWith('{') && typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

/** Whether a text begins as a JSON list of objects, or as an object over several lines. */
const isJson = (head: string): boolean =>
  /^\s*(\[\s*\{\s*"[^"\t]*"\s*:|\{[ ]*\r?\n\s*"[^"\t]*"\s*:)/.test(unmarked(head));

/** Without the byte order mark of UTF-8. */
const unmarked = (head: string): string => head.replace(/^\u00ef\u00bb\u00bf/, '');

// SeparatedRows: the rows of a TSV, CSV or JSON Lines file as fields, each with its place for messages. It does not
// know which field is what, nor whether the first row is a heading.
import { CsvError, parse } from 'csv-parse/sync';
import { DataError } from '../core/errors.js';
import { jsonLine } from './json-line.js';

export interface Row {
  readonly fields: readonly string[];
  /** 1-based line of the file where it begins. */
  readonly line: number;
}

/** The rows of one file, all equally wide. */
export interface RowFile {
  readonly path: string;
  readonly rows: readonly Row[];
  /** Fields of a row; at least 2. */
  readonly width: number;
  readonly separator: SeparatorName | 'keys';
  /** Names of the fields where the format has them beside the rows: the keys of JSON objects. */
  readonly names: readonly string[] | null;
  /** Fields, from 0, that hold lists or objects in some row. */
  readonly nested: ReadonlySet<number>;
}

type Rows = Pick<RowFile, 'rows' | 'names' | 'nested'>;

const NOTHING: ReadonlySet<number> = new Set();

const SEPARATORS = { tab: '\t', comma: ',', semicolon: ';' } as const;
export type SeparatorName = keyof typeof SEPARATORS;
export type RowFormat = 'tsv' | 'csv' | 'jsonl';

/** Characters of a sample at most: a long novel. */
export const LONGEST_SAMPLE = 2 ** 22;
/** Samples of a file at most; each takes some hundred bytes beside its text. */
export const MOST_SAMPLES = 10_000_000;
/** Records from which the separator of a CSV file is told. */
const PROBED_RECORDS = 100;

/**
 * Reads the rows of a file; blank ones are passed over, and so are columns at the end in which nothing stands. Throws a
 * DataError (PT_DATA_SEPARATOR, PT_DATA_FIELDS, PT_DATA_QUOTE, PT_DATA_LINE, PT_DATA_JSON, PT_DATA_EMPTY,
 * PT_FILE_TOO_LARGE) that names the line.
 */
export function readRows(
  path: string,
  content: string,
  format: RowFormat,
  separator: SeparatorName | undefined,
): RowFile {
  requireText(path, content);
  if (format === 'jsonl') return evened(path, jsonRows(path, content), 'keys');
  if (format === 'tsv') return evened(path, { rows: tsvRows(path, content), names: null, nested: NOTHING }, 'tab');
  const said = saidSeparator(content);
  // A blank line in its place keeps the numbers of the others.
  const rest = said === null ? content : content.replace(SEPARATOR_LINE, '');
  const chosen = separator ?? said ?? separatorOf(path, rest);
  return evened(path, { rows: csvRows(path, rest, chosen), names: null, nested: NOTHING }, chosen);
}

/** The first line by which spreadsheets tell each other what separates the fields. */
const SEPARATOR_LINE = /^sep=([,;\t])(?=\r?\n|\r)/i;

function saidSeparator(content: string): SeparatorName | null {
  const mark = SEPARATOR_LINE.exec(content)?.[1];
  const names: readonly SeparatorName[] = ['tab', 'comma', 'semicolon'];
  return names.find((name) => SEPARATORS[name] === mark) ?? null;
}

/** A zero is in no text, and in every file of two bytes a character. */
function requireText(path: string, content: string): void {
  const at = content.indexOf('\0');
  if (at < 0) return;
  const line = content.slice(0, at).split(/\r\n|\r|\n/).length;
  throw new DataError(
    'PT_DATA_ENCODING',
    `${path}:${line}: a NUL byte, which is in no text`,
    'of UTF-16, convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW; else leave the byte out: tr -d "\\000" < FILE > NEW',
  );
}

/** Rows as they come, within bounds. */
class RowList {
  readonly rows: Row[] = [];
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  add(fields: readonly string[], line: number): void {
    if (fields.every((field) => field.trim() === '')) return;
    const length = fields.reduce((sum, field) => sum + field.length, 0);
    if (length > LONGEST_SAMPLE) throw tooLong(this.#path, line, `of ${length}`);
    if (this.rows.length === MOST_SAMPLES) {
      throw new DataError(
        'PT_FILE_TOO_LARGE',
        `${this.#path} has more than ${MOST_SAMPLES} samples, which are read at most`,
        'Take a part of it, e.g. with head or shuf.',
      );
    }
    this.rows.push({ fields, line });
  }
}

/**
 * Lines of tab-separated fields, in which quotes are characters like others. The library of CSV would read them as
 * well, in many times the time, and every worker reads the data.
 */
function tsvRows(path: string, content: string): readonly Row[] {
  const list = new RowList(path);
  // Files of old Macs have no other line ends.
  const lineEnd = content.includes('\n') ? '\n' : '\r';
  // One after the other: a list of all lines may take many times the text.
  for (let number = 1, from = 0; from < content.length; number++) {
    const end = content.indexOf(lineEnd, from);
    const to = end < 0 ? content.length : end;
    list.add(content.slice(from, content[to - 1] === '\r' && to > from ? to - 1 : to).split('\t'), number);
    from = to + 1;
  }
  return list.rows;
}

/** CSV as in RFC 4180: fields may be quoted, quotes inside are doubled, quoted fields may span lines. */
function csvRows(path: string, content: string, separator: SeparatorName, most?: number): readonly Row[] {
  const list = new RowList(path);
  let ended = 0;
  try {
    parse(content, {
      delimiter: SEPARATORS[separator],
      // Several kinds of line ends take twice the time.
      record_delimiter: content.includes('\r') ? ['\r\n', '\n', '\r'] : ['\n'],
      relax_column_count: true,
      max_record_size: LONGEST_SAMPLE,
      ...(most === undefined ? {} : { to: most }),
      on_record: (fields: string[], { lines }) => {
        // The library counts the lines read; a record of several lines began further up.
        const inside = fields.reduce((sum, field) => sum + (field.match(/\r\n|\r|\n/g)?.length ?? 0), 0);
        list.add(fields, lines - inside);
        ended = lines;
        return null;
      },
    });
  } catch (error) {
    throw error instanceof CsvError ? csvError(path, error, ended + 1) : error;
  }
  return list.rows;
}

/** `begin` is the line where the record begins. */
function csvError(path: string, error: CsvError, begin: number): DataError {
  const line = typeof error['lines'] === 'number' ? error['lines'] : 1;
  switch (error.code) {
    case 'CSV_MAX_RECORD_SIZE':
      return tooLong(path, begin, `of more than ${LONGEST_SAMPLE}`);
    case 'CSV_QUOTE_NOT_CLOSED':
      return new DataError(
        'PT_DATA_QUOTE',
        `${path}:${begin}: the quoted field is never closed; the file ends inside it, at line ${line}`,
        'close it with ", and double every " inside a quoted field',
      );
    default:
      return new DataError(
        'PT_DATA_QUOTE',
        `${path}:${line}: a quote that neither begins nor ends a field (${error.code})`,
        'put the whole field into quotes, and double every " inside it; where quotes mean nothing, use tsv with tabs',
      );
  }
}

/** Whether the first records of a CSV file are rows of two fields or more with this separator, all equally wide. */
function fits(path: string, content: string, separator: SeparatorName): boolean {
  try {
    const [first, ...others] = csvRows(path, content, separator, PROBED_RECORDS);
    const width = first?.fields.length ?? 0;
    return width > 1 && others.every(({ fields }) => fields.length === width);
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

/** Commas, unless the file can only be read with semicolons, as spreadsheets write where the comma is in numbers. */
function separatorOf(path: string, content: string): SeparatorName {
  const fit = (['comma', 'semicolon', 'tab'] as const).filter((separator) => fits(path, content, separator));
  const [first, second] = fit;
  if (first === undefined) return 'comma';
  if (second !== undefined)
    throw new DataError(
      'PT_DATA_SEPARATOR',
      `${path}:1: every row has a ${first}, and every row has a ${second}; which one separates cannot be known`,
      `say it: --data-options separator=${first}, or separator=${second}`,
    );
  if (first === 'tab')
    throw new DataError(
      'PT_DATA_SEPARATOR',
      `${path}:1: the fields are separated by tabs, not by commas`,
      `read it as what it is: --data tsv:${path}; or, where fields are in quotes, --data-options separator=tab`,
    );
  return first;
}

/** One JSON object per line; its keys are the columns. */
function jsonRows(path: string, content: string): Rows {
  const list = new RowList(path);
  let names: readonly string[] | null = null;
  const nested = new Set<number>();
  for (const [at, text] of content.split('\n').entries()) {
    if (text.trim() === '') continue;
    const object = jsonLine(path, at + 1, text);
    names ??= Object.keys(object);
    const keys = names;
    if (Object.keys(object).length !== keys.length || !keys.every((key) => Object.hasOwn(object, key)))
      throw new DataError(
        'PT_DATA_JSON',
        `${path}:${at + 1}: the keys are ${Object.keys(object).join(', ')}, those of the first line ${keys.join(', ')}`,
        'give every line the same keys',
      );
    list.add(
      keys.map((key, column) => {
        const value = object[key];
        if (typeof value === 'object' && value !== null) nested.add(column);
        return jsonText(value);
      }),
      at + 1,
    );
  }
  return { rows: list.rows, names: names ?? [], nested };
}

/** Lists and objects stay JSON; where they are the text or the label they are refused. */
const jsonText = (value: unknown): string =>
  typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);

/** All rows must be as wide as the first; columns at the end without content are none. */
function evened(path: string, { rows, names, nested }: Rows, separator: SeparatorName | 'keys'): RowFile {
  const [first] = rows;
  const word = separator === 'keys' ? 'second key' : separator;
  if (first === undefined)
    throw new DataError('PT_DATA_EMPTY', `${path} has no samples (0 lines with text and label)`, everyLine(separator));
  const wide = first.fields.length;
  const other = rows.find(({ fields }) => fields.length !== wide);
  const narrow = wide < 2 ? first : other !== undefined && other.fields.length < 2 ? other : null;
  if (narrow !== null)
    throw new DataError(
      'PT_DATA_SEPARATOR',
      `${path}:${narrow.line}: no ${word} between text and label`,
      everyLine(separator) + otherSeparator(path, first, separator),
    );
  if (other !== undefined)
    throw new DataError(
      'PT_DATA_FIELDS',
      `${path}:${other.line}: ${other.fields.length} fields, line ${first.line} has ${wide}`,
      separator === 'tab'
        ? 'replace the tabs inside texts by spaces: they cannot be told from those between columns'
        : `put the text into quotes where it holds a ${word}; leave out a ${word} at the end of a line`,
    );
  let width = wide;
  while (width > 2 && rows.every(({ fields }) => (fields[width - 1] ?? '').trim() === '')) width -= 1;
  return { path, rows, width, separator, names, nested };
}

/** What else may stand between the fields of a file whose first row has none of what should. */
function otherSeparator(
  path: string,
  { fields: [only = '', ...others] }: Row,
  separator: SeparatorName | 'keys',
): string {
  if (others.length > 0 || separator === 'keys') return '';
  if (separator === 'tab' && /[,;]/.test(only)) return `; where commas or semicolons separate: --data csv:${path}`;
  return only.includes('|') ? `; where | separates: tr '|' '\\t' < ${path} > NEW.tsv, and --data tsv:NEW.tsv` : '';
}

const everyLine = (separator: SeparatorName | 'keys'): string =>
  separator === 'keys'
    ? 'every line is a JSON object with a text and a label'
    : `every line is text, a ${separator}, label`;

const tooLong = (path: string, line: number, size: string): DataError =>
  new DataError(
    'PT_DATA_LINE',
    `${path}:${line}: a sample ${size} characters; at most ${LONGEST_SAMPLE} are read`,
    'put every sample on a line of its own, close every quote, and cut what no model would read whole',
  );

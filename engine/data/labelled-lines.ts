// LabelledLines: the text and the label of every line of a TSV or CSV file, with its place for messages. It does not
// tokenize and does not number the labels.
import { DataError } from '../core/errors.js';

export interface LabelledLine {
  readonly text: string;
  readonly label: string;
  /** 1-based line of the file. */
  readonly line: number;
}

/** Characters of a sample at most: a long novel. */
const LONGEST_SAMPLE = 2 ** 22;
/** Two are right; the message tells how many there are, up to this many. */
const MOST_FIELDS = 1000;
/** Samples of a file at most; each takes some hundred bytes beside its text. */
const MOST_SAMPLES = 10_000_000;

export type LineFormat = 'tsv' | 'csv';

/**
 * Splits file content into samples. The label stands behind the last separator. A first line whose label is the word
 * `label` is a heading.
 */
export function parseLines(path: string, content: string, format: LineFormat): LabelledLine[] {
  const lines = format === 'tsv' ? parseTsv(path, content) : parseCsv(path, content);
  if (lines[0]?.label.toLowerCase() === 'label') lines.shift();
  if (lines.length === 0) {
    throw new DataError(
      'PT_DATA_EMPTY',
      `${path} has no samples (0 lines with text and label)`,
      `write lines of text, a ${format === 'tsv' ? 'tab' : 'comma'} and a label`,
    );
  }
  return lines;
}

function parseTsv(path: string, content: string): LabelledLine[] {
  const samples: LabelledLine[] = [];
  // One after the other: a list of all lines may take many times the text.
  for (let number = 1, from = 0; from < content.length; number++) {
    const end = content.indexOf('\n', from);
    const to = end < 0 ? content.length : end;
    const line = content.slice(from, content[to - 1] === '\r' && to > from ? to - 1 : to);
    from = to + 1;
    if (line.trim() === '') continue;
    const cut = line.lastIndexOf('\t');
    if (cut < 0) throw noSeparator(path, number, 'a tab');
    add(samples, path, { text: line.slice(0, cut), label: line.slice(cut + 1), line: number });
  }
  return samples;
}

/** CSV as in RFC 4180: fields may be quoted, quotes inside are doubled, quoted fields may span lines. */
function parseCsv(path: string, content: string): LabelledLine[] {
  const samples: LabelledLine[] = [];
  const reader = new CsvReader(path, content);
  while (!reader.isAtEnd) {
    const { fields, isBlank, line } = reader.record();
    if (isBlank && fields.length === 1) continue;
    if (fields.length === 1) throw noSeparator(path, line, 'a comma');
    if (fields.length > 2) {
      throw new DataError(
        'PT_DATA_FIELDS',
        `${path}:${line}: ${fields.length} fields, expected 2 (text and label)`,
        'put the text into quotes where it holds a comma',
      );
    }
    add(samples, path, { text: fields[0] as string, label: fields[1] as string, line });
  }
  return samples;
}

/** Reads one record after the other and counts lines. */
class CsvReader {
  readonly #path: string;
  readonly #content: string;
  #at = 0;
  #line = 1;

  constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#content.length;
  }

  /** The fields of the next record; blank is one of nothing but unquoted white space. `line` is where it starts. */
  record(): { readonly fields: readonly string[]; readonly isBlank: boolean; readonly line: number } {
    const line = this.#line;
    const fields: string[] = [];
    let isBlank = true;
    do {
      const isQuoted = this.#content[this.#at] === '"';
      const field = isQuoted ? this.#quoted(line) : this.#plain();
      if (isQuoted || field.trim() !== '') isBlank = false;
      fields.push(field);
    } while (this.#content[this.#at++] === ',' && fields.length < MOST_FIELDS);
    this.#line += 1;
    return { fields, isBlank, line };
  }

  #plain(): string {
    const from = this.#at;
    while (!this.isAtEnd && this.#content[this.#at] !== ',' && this.#content[this.#at] !== '\n') this.#at += 1;
    return this.#content.slice(from, this.#at).replace(/\r$/, '');
  }

  /** The field behind the quote here, up to the comma or the end of the line. `start` is the line of its record. */
  #quoted(start: number): string {
    const pieces: string[] = [];
    for (this.#at += 1; ; this.#at++) {
      const end = this.#content.indexOf('"', this.#at);
      if (end < 0) {
        throw new DataError(
          'PT_DATA_QUOTE',
          `${this.#path}:${start}: the quoted field is never closed`,
          'close it with ", and double every " inside a quoted field',
        );
      }
      const isDoubled = this.#content[end + 1] === '"';
      const piece = this.#content.slice(this.#at, isDoubled ? end + 1 : end);
      for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', at + 1)) this.#line += 1;
      pieces.push(piece);
      this.#at = end + 1;
      if (!isDoubled) break;
    }
    const next = this.#content[this.#at];
    if (next !== undefined && !',\r\n'.includes(next)) {
      throw new DataError(
        'PT_DATA_QUOTE',
        `${this.#path}:${this.#line}: a quoted field is followed by ${JSON.stringify(next)}, not by a comma or the ` +
          'end of the line',
        'double every " inside a quoted field',
      );
    }
    while (this.#content[this.#at] === '\r') this.#at += 1;
    return pieces.join('');
  }
}

function add(samples: LabelledLine[], path: string, { text, label, line }: LabelledLine): void {
  const trimmed = label.trim();
  if (text.length + label.length > LONGEST_SAMPLE) {
    throw new DataError(
      'PT_DATA_LINE',
      `${path}:${line}: a sample of ${text.length + label.length} characters; at most ${LONGEST_SAMPLE} are read`,
      'put every sample on a line of its own, and cut what no model would read whole',
    );
  }
  if (samples.length === MOST_SAMPLES) {
    throw new DataError(
      'PT_FILE_TOO_LARGE',
      `${path} has more than ${MOST_SAMPLES} samples, which are read at most`,
      'Take a part of it, e.g. with head or shuf.',
    );
  }
  if (trimmed === '') {
    throw new DataError(
      'PT_DATA_LABEL',
      `${path}:${line}: the label is empty`,
      'write a label behind the last separator',
    );
  }
  samples.push({ text: text.trim(), label: trimmed, line });
}

const noSeparator = (path: string, line: number, separator: string): DataError =>
  new DataError(
    'PT_DATA_SEPARATOR',
    `${path}:${line}: no ${separator.replace('a ', '')} between text and label`,
    `every line is text, ${separator}, label`,
  );

/** Class names of the labels: whole numbers in their order, else by code unit. */
export function classNames(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)];
  const areNumbers = names.every((name) => /^-?\d+$/.test(name));
  return names.sort((a, b) => (areNumbers ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0));
}

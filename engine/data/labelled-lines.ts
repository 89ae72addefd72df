// LabelledLines: the text and the label of every line of a TSV or CSV file, with its place for messages. It does not
// tokenize and does not number the labels.
import { DataError } from '../core/errors.js';

export interface LabelledLine {
  readonly text: string;
  readonly label: string;
  /** 1-based line of the file. */
  readonly line: number;
}

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
  content.split('\n').forEach((raw, index) => {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line.trim() === '') return;
    const cut = line.lastIndexOf('\t');
    if (cut < 0) throw noSeparator(path, index + 1, 'a tab');
    samples.push(sample(path, line.slice(0, cut), line.slice(cut + 1), index + 1));
  });
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
    samples.push(sample(path, fields[0] as string, fields[1] as string, line));
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
    } while (this.#content[this.#at++] === ',');
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
    let field = '';
    for (this.#at += 1; ; this.#at++) {
      if (this.isAtEnd) {
        throw new DataError(
          'PT_DATA_QUOTE',
          `${this.#path}:${start}: the quoted field is never closed`,
          'close it with ", and double every " inside a quoted field',
        );
      }
      const character = this.#content[this.#at] as string;
      if (character === '\n') this.#line += 1;
      if (character === '"') {
        if (this.#content[this.#at + 1] !== '"') break;
        this.#at += 1;
      }
      field += character;
    }
    this.#at += 1;
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
    return field;
  }
}

function sample(path: string, text: string, label: string, line: number): LabelledLine {
  const trimmed = label.trim();
  if (trimmed === '') {
    throw new DataError(
      'PT_DATA_LABEL',
      `${path}:${line}: the label is empty`,
      'write a label behind the last separator',
    );
  }
  return { text: text.trim(), label: trimmed, line };
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

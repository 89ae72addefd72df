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
  let line = 1;
  for (let at = 0; at < content.length;) {
    const start = line;
    const fields: string[] = [];
    let isBlank = true;
    for (let isRecord = true; isRecord;) {
      let field = '';
      if (content[at] === '"') {
        isBlank = false;
        for (at += 1; ; at++) {
          if (at >= content.length) {
            throw new DataError(
              'PT_DATA_QUOTE',
              `${path}:${start}: the quoted field is never closed`,
              'close it with ", and double every " inside a quoted field',
            );
          }
          if (content[at] === '\n') line += 1;
          if (content[at] !== '"') field += content[at];
          else if (content[at + 1] === '"') field += content[(at += 1)];
          else break;
        }
        at += 1;
        if (at < content.length && !',\r\n'.includes(content[at] as string)) {
          throw new DataError(
            'PT_DATA_QUOTE',
            `${path}:${line}: a quoted field is followed by ${JSON.stringify(content[at])}, not by a comma ` +
              'or the end of the line',
            'double every " inside a quoted field',
          );
        }
        while (content[at] === '\r') at += 1;
      } else {
        const from = at;
        while (at < content.length && content[at] !== ',' && content[at] !== '\n') at += 1;
        field = content.slice(from, at).replace(/\r$/, '');
        if (field.trim() !== '') isBlank = false;
      }
      fields.push(field);
      isRecord = content[at] === ',';
      at += 1;
    }
    line += 1;
    if (isBlank && fields.length === 1) continue;
    if (fields.length === 1) throw noSeparator(path, start, 'a comma');
    if (fields.length > 2) {
      throw new DataError(
        'PT_DATA_FIELDS',
        `${path}:${start}: ${fields.length} fields, expected 2 (text and label)`,
        'put the text into quotes where it holds a comma',
      );
    }
    samples.push(sample(path, fields[0] as string, fields[1] as string, start));
  }
  return samples;
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

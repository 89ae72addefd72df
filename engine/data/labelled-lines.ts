// LabelledLines: the text and the label of every sample of a file, with its place for messages. It does not tokenize
// and does not number the labels.
import { DataError } from '../core/errors.js';
import { isNumeric } from './column-names.js';
import type { LabelColumns } from './label-columns.js';
import type { RowFile } from './separated-rows.js';

export interface LabelledLine {
  readonly text: string;
  /** The second text; empty where a sample has one. */
  readonly second: string;
  readonly label: string;
  /** 1-based line of the file. */
  readonly line: number;
}

/** Below so many samples nothing is concluded from how many labels there are. */
const FEW_SAMPLES = 8;

/**
 * The samples of a file, white space around texts and labels left out. Throws PT_DATA_LABEL, PT_DATA_EMPTY or
 * PT_DATA_JSON.
 */
export function labelledLines({ path, rows, names, nested }: RowFile, columns: LabelColumns): LabelledLine[] {
  const list = [columns.text, columns.pair ?? columns.text, columns.label].find((column) => nested.has(column));
  if (list !== undefined)
    throw new DataError(
      'PT_DATA_JSON',
      `${path}: "${names?.[list] ?? ''}" holds lists or objects, where one text and one label are needed`,
      'write a text or a number there, or name other keys with the options text and label',
    );
  const samples = columns.isFirstRow ? rows.slice(1) : rows;
  if (samples.length === 0)
    throw new DataError(
      'PT_DATA_EMPTY',
      `${path} has no samples (0 lines with text and label, and a heading)`,
      'write lines of text and label below the heading; where the first line is a sample: --data-options heading=false',
    );
  return samples.map(({ fields, line }, at) => {
    const label = (fields[columns.label] ?? '').trim();
    if (label === '')
      throw new DataError(
        'PT_DATA_LABEL',
        `${path}:${line}: the label is empty (column ${columns.label + 1})`,
        'write a label there, or leave the line out' +
          (at === 0 && columns.heading === null ? '; where it is a heading: --data-options heading=true' : ''),
      );
    const second = columns.pair === null ? '' : (fields[columns.pair] ?? '').trim();
    return { text: (fields[columns.text] ?? '').trim(), second, label, line };
  });
}

/** Class names of the labels: whole numbers in their order, else by code unit. */
export function classNames(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)];
  const areNumbers = names.every((name) => /^-?\d+$/.test(name));
  return names.sort((a, b) => (areNumbers ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Refuses labels that are no classes: one only, numbers with fractions, nearly as many as samples. `classes` is how
 * many the user says there are; who says it knows. Throws a DataError (PT_DATA_CLASSES).
 */
export function requireClasses(
  path: string,
  names: readonly string[],
  numSamples: number,
  classes: number | undefined,
): void {
  const [first = ''] = names;
  if (names.length < 2)
    throw classesError(
      `${path} has 1 label (${first}), a classifier needs at least 2`,
      'check that the right column is the label: --data-options label=NAME, or its number from 1',
    );
  if (classes !== undefined) {
    if (names.length === classes) return;
    throw classesError(
      `${path} has ${names.length} different labels, the option classes says ${classes}`,
      `they are ${listed(names)}; correct the labels, or the option`,
    );
  }
  const fraction = names.find((name) => isNumeric(name) && !Number.isInteger(Number(name.replace(',', '.'))));
  if (fraction !== undefined && 2 * names.filter(isNumeric).length > names.length)
    throw classesError(
      `${path} has numbers with fractions as labels, such as ${fraction} (${names.length} different ones): ` +
        'quantities, which a classifier cannot learn',
      'round them to a few steps; where they are names of classes, say how many: ' +
        `--data-options classes=${names.length}`,
    );
  if (numSamples >= FEW_SAMPLES && 2 * names.length > numSamples)
    throw classesError(
      `${path} has ${names.length} different labels for ${numSamples} samples (${listed(names)})`,
      'check which column is the label: --data-options text=1,label=2 or text=2,label=1; where they are classes, say ' +
        `how many: --data-options classes=${names.length}`,
    );
}

const classesError = (message: string, hint: string): DataError => new DataError('PT_DATA_CLASSES', message, hint);

/** The first names of many. */
export const listed = (names: readonly string[], most = 10): string =>
  names
    .slice(0, most)
    .map((name) => (name.length > 40 ? `${name.slice(0, 37)}...` : name))
    .join(', ') + (names.length > most ? ', ...' : '');

/** Groups of names that differ in case, white space, marks at the end and what cannot be seen; or are equal numbers. */
export function alikeNames(names: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const plain = plainName(name);
    groups.set(plain, [...(groups.get(plain) ?? []), name]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

function plainName(name: string): string {
  const seen = name.normalize('NFKC').replace(/\p{Cf}/gu, '');
  if (isNumeric(seen)) return String(Number(seen.trim().replace(',', '.')));
  const words = seen.toLowerCase().replace(/\s+/g, ' ').trim();
  return words.replace(/[\s.,;:!]+$/, '') || words;
}

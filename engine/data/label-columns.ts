// LabelColumns: which columns of labelled rows are text and label, and whether the first row of a file is a heading.
// What the rows do not tell is asked for, with the option that says it; nothing is guessed.
import { DataError, UsageError } from '../core/errors.js';
import { isNameOfTexts, isNumeric, isSameName, labelNameFit, type NameFit, textNameFit } from './column-names.js';
import type { Row, RowFile } from './separated-rows.js';

/** A column by its name in the heading, or by its number from 1. */
export type ColumnOption = string | number;

export interface ColumnOptions {
  readonly heading?: boolean | undefined;
  readonly text?: ColumnOption | undefined;
  readonly label?: ColumnOption | undefined;
  /** The second text, where samples are pairs. */
  readonly pair?: ColumnOption | undefined;
}

/** The columns of one file, from 0, and its heading. */
export interface LabelColumns {
  readonly text: number;
  readonly label: number;
  /** The second text; null where a sample has one. */
  readonly pair: number | null;
  /** The names of all columns; null where the file has none. */
  readonly heading: readonly string[] | null;
  /** Whether the first row is the heading, and no sample. */
  readonly isFirstRow: boolean;
  /** Whether names or options tell which column is which, not their order alone. */
  readonly isNamed: boolean;
}

/** Words of the name of a column at most. */
const MOST_WORDS_OF_NAME = 3;

type Pair = Pick<LabelColumns, 'text' | 'label' | 'pair' | 'isNamed'>;

/**
 * The columns of every file of a data set, in their order. `files` are all that are read: whether a first row is a
 * heading shows in the others, too. Throws a DataError (PT_DATA_HEADING, PT_DATA_COLUMNS) or a UsageError
 * (PT_DATA_OPTION) where it must be said.
 */
export function labelColumns(files: readonly RowFile[], options: ColumnOptions): readonly LabelColumns[] {
  const named = files.map((file) => namedColumns(file, options));
  // Columns that one file names are those of a file as wide that has no heading.
  const known = named.find((pair) => pair !== null) ?? null;
  return files.map((file, at) => {
    if (file.names !== null) return { ...columnsBy(file, file.names, options), heading: file.names, isFirstRow: false };
    const first = file.rows[0]?.fields.slice(0, file.width) ?? [];
    const own = named[at] ?? null;
    const pair = own ?? columnsWithoutNames(file, files, at, known, options);
    if (own === null && options.heading !== true) requireOrder(file, { ...pair, heading: null, isFirstRow: false });
    const isHeading = options.heading ?? hasHeading(file, first, pair, files, own !== null);
    if (!isHeading)
      return { ...columnsWithoutNames(file, files, at, known, options), heading: null, isFirstRow: false };
    // An option may name a column whatever it is called.
    return { ...columnsBy(file, first, options, pair), heading: first, isFirstRow: true };
  });
}

/** The columns that a first row names, where it looks like a heading; null where it does not, or must not. */
function namedColumns(file: RowFile, options: ColumnOptions): Pair | null {
  const first = file.names ?? file.rows[0]?.fields.slice(0, file.width) ?? [];
  if (file.names === null) {
    if (options.heading === false) return null;
    const isNamedByOption = [options.text, options.label, options.pair].some(
      (option) => typeof option === 'string' && first.some((name) => isSameName(name, option)),
    );
    const hasNames =
      first.some((name) => textNameFit(name) !== null) && first.some((name) => labelNameFit(name) !== null);
    if (!hasNames && !isNamedByOption) return null;
  }
  return columnsBy(file, first, options);
}

/** Text and label by options, by the usual names, and the second of two columns by the first. */
function columnsBy(file: RowFile, names: readonly string[], options: ColumnOptions, known: Pair | null = null): Pair {
  const { width } = file;
  const given = {
    text: columnOf(file, 'text', options.text, names),
    label: columnOf(file, 'label', options.label, names),
    pair: columnOf(file, 'pair', options.pair, names),
  };
  let text = given.text ?? bestFit(names, textNameFit, [given.label, given.pair]);
  let label = given.label ?? bestFit(names, labelNameFit, [text, given.pair]);
  const isNamed = text !== null || label !== null;
  if (width === 2) {
    text ??= label === null ? null : 1 - label;
    label ??= text === null ? null : 1 - text;
  }
  if (known !== null && (text === null || label === null)) return known;
  return whole(file, { text, label, pair: given.pair, isNamed }, names);
}

/** By options, by what another file says of the same columns, or by the order where there are two. */
function columnsWithoutNames(
  file: RowFile,
  files: readonly RowFile[],
  at: number,
  known: Pair | null,
  options: ColumnOptions,
): Pair {
  const text = columnOf(file, 'text', options.text, null);
  const label = columnOf(file, 'label', options.label, null);
  const second = columnOf(file, 'pair', options.pair, null);
  if (known !== null && text === null && label === null && second === null) {
    if (files.some((other, i) => i !== at && other.width === file.width)) return known;
    throw unknownColumns(file, null, 'text');
  }
  const pair = { text, label, pair: second, isNamed: text !== null || label !== null };
  if (file.width === 2) {
    pair.text ??= label === null ? 0 : 1 - label;
    pair.label ??= 1 - pair.text;
  }
  return whole(file, pair, null);
}

/** A pair of which both columns are known, and two. */
function whole(
  file: RowFile,
  { text, label, pair, isNamed }: { readonly [key in keyof Pair]: Pair[key] | null },
  names: readonly string[] | null,
): Pair {
  if (text === null || label === null) throw unknownColumns(file, names, text === null ? 'text' : 'label');
  if (text === label) throw sameColumn(file, 'text and label', text);
  if (pair === text || pair === label) throw sameColumn(file, pair === text ? 'text and pair' : 'label and pair', pair);
  return { text, label, pair, isNamed: isNamed === true };
}

/** The one column whose name fits best, or null where none does or several do alike. */
function bestFit(
  names: readonly string[],
  fit: (name: string) => NameFit,
  taken: readonly (number | null)[],
): number | null {
  for (const wanted of ['whole', 'part'] as const) {
    const found = names.flatMap((name, at) => (!taken.includes(at) && fit(name) === wanted ? [at] : []));
    if (found.length > 0) return found.length === 1 ? (found[0] ?? null) : null;
  }
  return null;
}

function columnOf(
  file: RowFile,
  role: 'text' | 'label' | 'pair',
  option: ColumnOption | undefined,
  names: readonly string[] | null,
): number | null {
  if (option === undefined) return null;
  if (typeof option === 'number') {
    if (option <= file.width) return option - 1;
    throw new UsageError(
      'PT_DATA_OPTION',
      `the option ${role}=${option} names a column that ${file.path} does not have: it has ${file.width}`,
      'columns are counted from 1',
    );
  }
  if (names === null)
    throw new DataError(
      'PT_DATA_COLUMNS',
      `${file.path} has no heading, so no column called "${option}" (option ${role}); line ${lineOf(file)} is ` +
        clipped(file.rows[0]),
      `give the number of the column, from 1, e.g. --data-options ${role}=1`,
    );
  const exact = names.indexOf(option);
  const at = exact >= 0 ? exact : names.findIndex((name) => isSameName(name, option));
  if (at >= 0) return at;
  throw new DataError(
    'PT_DATA_COLUMNS',
    `${file.path} has no column called "${option}" (option ${role}); it has ${names.map(quoted).join(', ')}`,
    `name one of them, or its number from 1`,
  );
}

/**
 * Whether the first row is a heading: by the usual names, or because its label is a word where all others are numbers.
 * A label that stands in the first row alone and is neither might be a heading in any language, or a rare class.
 */
function hasHeading(
  file: RowFile,
  first: readonly string[],
  { text, label }: Pair,
  files: readonly RowFile[],
  isNamed: boolean,
): boolean {
  const word = first[label]?.trim() ?? '';
  const others = files.flatMap(({ rows, names }) => (names === null ? rows.slice(1) : rows));
  if (word === '') return isNamed;
  if (isNumeric(word)) {
    if (!isNamed) requireLikeOthers(file, others, { text, label });
    return false;
  }
  const again = others.find(({ fields }) => fields[label]?.trim() === word);
  if (again !== undefined) {
    if (!isNamed) return false;
    throw unknownHeading(file, word, `looks like the name of a column, and line ${again.line} has it too`);
  }
  const isKnown = isNamed || labelNameFit(word) === 'whole' || textNameFit(first[text] ?? '') === 'whole';
  const areNumbers = others.length > 0 && others.every(({ fields }) => isNumeric(fields[label] ?? ''));
  if (isKnown || areNumbers) return true;
  throw unknownHeading(file, word, 'occurs nowhere else');
}

/** Numbers in line 1 where all others have words are as likely names of columns: programs number those without one. */
function requireLikeOthers(file: RowFile, others: readonly Row[], columns: Pick<Pair, 'text' | 'label'>): void {
  const [first] = file.rows;
  for (const role of ['label', 'text'] as const) {
    const column = columns[role];
    const word = first?.fields[column]?.trim() ?? '';
    if (!isNumeric(word) || others.length === 0) continue;
    const like = others.some(({ fields }) => isNumeric(fields[column] ?? '') || (fields[column] ?? '').trim() === '');
    if (like) continue;
    throw unknownHeading(file, word, 'is a number, and that of all other lines is none', role);
  }
}

const unknownHeading = (file: RowFile, word: string, why: string, role: 'text' | 'label' = 'label'): DataError =>
  new DataError(
    'PT_DATA_HEADING',
    `${file.path}:${lineOf(file)}: ${clipped(file.rows[0])} may be a heading or a sample: its ${role} ` +
      `${quoted(word)} ${why}`,
    'say which: --data-options heading=true, or heading=false',
  );

function unknownColumns(file: RowFile, names: readonly string[] | null, missing: 'text' | 'label'): DataError {
  const shown = names ?? file.rows[0]?.fields.slice(0, file.width) ?? [];
  const what =
    names === null
      ? `no heading with usual names; line ${lineOf(file)} is ${clipped(file.rows[0])}`
      : `they are called ${shown.map(quoted).join(', ')}`;
  const text = shown.find((name) => textNameFit(name) !== null) ?? shown[0];
  const label = shown.find((name) => name !== text && labelNameFit(name) !== null) ?? shown.at(-1);
  // Where line 1 may be a heading, its words name the columns; else nothing tells one column from another.
  const isHeading = names === null && isLikelyHeading(file);
  const example = isHeading
    ? `text=${optionName(text)},label=${optionName(label)},heading=true, or text=1,label=${file.width},heading=false`
    : names === null
      ? `text=1,label=${file.width}`
      : `text=${optionName(text)},label=${optionName(label)}`;
  const second = shown.find((name) => name !== text && name !== label && isNameOfTexts(name));
  const pair =
    second === undefined
      ? 'a sample has one text and one label'
      : `of pairs of texts text=${optionName(text)},pair=${optionName(second)},label=${optionName(label)}`;
  const quotes = names === null && file.separator !== 'tab' ? ', or put texts that hold the separator into quotes' : '';
  return new DataError(
    'PT_DATA_COLUMNS',
    `${file.path} has ${file.width} columns, and which of them is the ${missing} cannot be known: ${what}`,
    `say it by name or by number from 1, e.g. --data-options ${example} (${pair})${quotes}`,
  );
}

/** Whether line 1 has short fields, none of them a number, and none that another line has in its place. */
function isLikelyHeading({ rows, width }: RowFile): boolean {
  const first = rows[0]?.fields.slice(0, width) ?? [];
  return first.every(
    (name, at) =>
      name.trim() !== '' &&
      name.trim().split(/\s+/).length <= MOST_WORDS_OF_NAME &&
      !isNumeric(name) &&
      rows.slice(1).every(({ fields }) => fields[at] !== name),
  );
}

/**
 * Refuses columns that only their order tells, where the texts repeat more than the labels: they stand the other way
 * round. Throws a DataError (PT_DATA_COLUMNS).
 */
export function requireOrder(file: RowFile, columns: LabelColumns): void {
  if (columns.isNamed) return;
  const rows = columns.isFirstRow ? file.rows.slice(1) : file.rows;
  const distinct = (at: number): number => new Set(rows.map(({ fields }) => fields[at]?.trim())).size;
  const [texts, labels] = [distinct(columns.text), distinct(columns.label)];
  if (labels <= texts) return;
  throw new DataError(
    'PT_DATA_COLUMNS',
    `${file.path}: ${rows.length} rows have ${labels} different labels (column ${columns.label + 1}) and only ` +
      `${texts} different texts (column ${columns.text + 1}); the columns may stand the other way round`,
    `say which is which: --data-options text=${columns.label + 1},label=${columns.text + 1}, or ` +
      `text=${columns.text + 1},label=${columns.label + 1}`,
  );
}

const sameColumn = (file: RowFile, roles: string, column: number): UsageError =>
  new UsageError(
    'PT_DATA_OPTION',
    `${file.path}: ${roles} would be the same column, ${column + 1}`,
    'name different columns with the options text, label and pair',
  );

const lineOf = (file: RowFile): number => file.rows[0]?.line ?? 1;
const quoted = (text: string): string => `"${text.trim()}"`;
/** A name as it is written in an option: what separates options is left out of it. */
export const optionName = (name: string | undefined): string => (name ?? '').trim().replaceAll(/[\s,=]+/g, '_') || '1';

/** A row for a message, not longer than helps. */
function clipped(row: Row | undefined): string {
  const text = JSON.stringify((row?.fields ?? []).join(' | '));
  return text.length > 80 ? `${text.slice(0, 76)}..."` : text;
}

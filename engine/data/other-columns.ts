// OtherColumns: the columns of labelled rows that are neither text nor label. One of them that holds texts, too, makes
// pairs of which half would be trained on: whoever did not choose is asked. The others are named at the start.
import { DataError } from '../core/errors.js';
import { isNameOfTexts } from './column-names.js';
import { type ColumnOptions, type LabelColumns, optionName } from './label-columns.js';
import type { Row, RowFile } from './separated-rows.js';

/** Rows that are looked at, spread over the file. */
const PROBED_ROWS = 1000;
/** Words of a field on average, from which it is a text where most fields differ; and from which it is one anyway. */
const WORDS_OF_TEXT = 3;
const WORDS_OF_LONG_TEXT = 8;
/** Share of different fields that names, places and dates do not reach, and one that categories do not reach. */
const MOSTLY_DIFFERENT = 0.5;
const OFTEN_DIFFERENT = 0.1;
/** Each is a word, where words are not separated. */
const IDEOGRAPH =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}]/gu;

/** Places of the columns, from 0, that are neither. */
export const otherColumns = ({ width }: RowFile, { text, label, pair }: LabelColumns): number[] =>
  Array.from({ length: width }, (_, at) => at).filter((at) => at !== text && at !== label && at !== pair);

/** A column for messages: its name, where it has one, and its number from 1. */
export function columnName({ heading }: Pick<LabelColumns, 'heading'>, at: number): string {
  const name = heading?.[at]?.trim() ?? '';
  return name === '' ? `column ${at + 1}` : `"${name.slice(0, 60)}" (column ${at + 1})`;
}

/** Throws a DataError (PT_DATA_COLUMNS) where another column holds texts, and no option says which is the text. */
export function requireOneText(file: RowFile, columns: LabelColumns, options: ColumnOptions): void {
  if (options.text !== undefined || options.pair !== undefined) return;
  const other = otherColumns(file, columns).find((at) => !file.nested.has(at) && isText(file, columns, at));
  if (other === undefined) return;
  const { heading, text, label } = columns;
  const choice = (at: number): string => {
    const name = heading?.[at] ?? '';
    return name.trim() === '' ? String(at + 1) : optionName(name);
  };
  const [first, second] = [columnName(columns, text), columnName(columns, other)];
  throw new DataError(
    'PT_DATA_COLUMNS',
    `${file.path}: ${second} holds texts as ${first} does; a sample has one text and one label, so that the other ` +
      'would not be seen, unless it is a pair of both',
    `say which is the text: --data-options text=${choice(text)},label=${choice(label)}, or ` +
      `text=${choice(other)},label=${choice(label)}; of pairs of texts, ` +
      `text=${choice(text)},pair=${choice(other)},label=${choice(label)}`,
  );
}

function isText({ rows }: RowFile, { heading, isFirstRow }: LabelColumns, at: number): boolean {
  const filled = probedFields(isFirstRow ? rows.slice(1) : rows, at);
  if (filled.length === 0) return false;
  const different = new Set(filled).size / filled.length;
  const isNamed = isNameOfTexts(heading?.[at] ?? '');
  const counts = filled.map(wordsOf);
  const words = mean(counts.map(({ words }) => words));
  // Dates, coordinates and lists of numbers have more marks and digits than words.
  if (2 * words <= mean(counts.map(({ pieces }) => pieces))) return false;
  if (isNamed && (words > 1 || different > MOSTLY_DIFFERENT)) return true;
  return (
    (words >= WORDS_OF_TEXT && different > MOSTLY_DIFFERENT) ||
    (words >= WORDS_OF_LONG_TEXT && different > OFTEN_DIFFERENT)
  );
}

/** Fields of a column that have something, of rows that are spread over the file. */
function probedFields(rows: readonly Row[], at: number): string[] {
  const every = Math.max(1, Math.floor(rows.length / PROBED_ROWS));
  const fields = rows.flatMap(({ fields }, i) => (i % every === 0 ? [fields[at]?.trim() ?? ''] : []));
  return fields.filter((field) => field !== '');
}

const mean = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0) / counts.length;

/** Pieces between white space, and those of them that have a letter and are no address. */
function wordsOf(field: string): { readonly pieces: number; readonly words: number } {
  const text = field.slice(0, 2000);
  const ideographs = text.match(IDEOGRAPH)?.length ?? 0;
  const pieces = text
    .replace(IDEOGRAPH, ' ')
    .split(/\s+/)
    .filter((piece) => piece !== '');
  const words = pieces.filter((piece) => /\p{L}/u.test(piece) && !piece.includes('://'));
  return { pieces: pieces.length + ideographs, words: words.length + ideographs };
}

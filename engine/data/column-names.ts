// ColumnNames: by which names people call a column of texts and one of labels. Names only: whether a row is a heading
// is decided elsewhere (label-columns.ts).

const TEXTS = new Set(
  (
    'text texts sentence sentences review reviews comment comments content contents tweet tweets title body message ' +
    'messages msg document documents doc description headline question utterance query phrase passage article input ' +
    'post email mail sms abstract summary statement prompt news verbatim transcript feedback ' +
    'premise hypothesis context paragraph passages'
  ).split(' '),
);
/** Of the second half of a pair; alone they are as often the label. */
const REPLIES = new Set('answer answers response responses reply replies completion claim evidence'.split(' '));
const LABELS = new Set(
  (
    'label labels sentiment sentiments class classes category categories target targets star stars rating ratings ' +
    'polarity score scores intent intents topic topics emotion emotions y tag tags genre type spam toxic toxicity ' +
    'stance verdict gold overall mood language lang classification annotation'
  ).split(' '),
);
/** Words of a name at most: a sentence is none. */
const MOST_WORDS = 3;
const LONGEST_NAME = 40;

/** How a field fits as the name of a column: whole, by a word of it, or not at all. */
export type NameFit = 'whole' | 'part' | null;

/** Case, underscores and numbers behind a name do not matter: `ReviewText`, `review_text`, `sentence1`. */
export function textNameFit(field: string): NameFit {
  const words = wordsOf(field);
  const last = words.at(-1) ?? '';
  if (TEXTS.has(words.join(''))) return 'whole';
  // `label_text` and `sentiment text` name the label as often as the text: only their last word tells.
  return TEXTS.has(last) ? 'part' : null;
}

/** Whether a column of texts may be called so, beside another one. */
export const isNameOfTexts = (field: string): boolean =>
  textNameFit(field) !== null || REPLIES.has(wordsOf(field).at(-1) ?? '');

export function labelNameFit(field: string): NameFit {
  const words = wordsOf(field);
  if (LABELS.has(words.join(''))) return 'whole';
  const last = words.at(-1) ?? '';
  return !TEXTS.has(last) && words.some((word) => LABELS.has(word)) ? 'part' : null;
}

/** Whether two names are one to people: case, spaces and underscores left out. */
export const isSameName = (a: string, b: string): boolean => plain(a) === plain(b);

const plain = (name: string): string => name.toLowerCase().replace(/[\s_\-.]+/g, '');

function wordsOf(field: string): string[] {
  const trimmed = field.trim();
  if (trimmed === '' || trimmed.length > LONGEST_NAME) return [];
  const words = trimmed
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    // Of pairs: `sentence1`, `question_2`, `text_b`.
    .replace(/(?:\d+|[\s_\-.]+(?:\d+|[ab]|pair))$/, '')
    .split(/[\s_\-.]+/)
    .filter((word) => word !== '');
  return words.length > MOST_WORDS ? [] : words;
}

/** Whether a label is written as a number; of a comma, spreadsheets of half the world make the decimal point. */
export const isNumeric = (label: string): boolean => /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i.test(label.trim());

// Small data of every kind, made by a rule: what the transcripts in docs/first-screen.md are made of.

/**
 * @typedef {object} SmallData
 * @property {string} title
 * @property {string} why What it shows, one sentence.
 * @property {Readonly<Record<string, string | Uint8Array>>} files By path below the working directory.
 * @property {string} model
 * @property {string} data KIND:PATH.
 * @property {Readonly<Record<string, string | number | boolean>>} options Of the data.
 */

const PLACES = ['the harbour', 'a small garden', 'the night train', 'an empty house'];
const GOOD = ['a warm and clever film', 'moving from start to end', 'bright, funny and honest'];
const BAD = ['a dull and clumsy film', 'tedious from start to end', 'noisy, stale and confused'];

/** @param {number} i @param {readonly string[]} list @returns {string} */
const at = (i, list) => list[i % list.length] ?? '';

/** @param {number} i @param {readonly string[]} words @returns {string} */
const review = (i, words) => `${at(i, words)} about ${at(i, PLACES)}, part ${i}`;

/**
 * @param {number} good
 * @param {number} bad
 * @param {(text: string, label: string, i: number) => string} row
 * @returns {string[]} Sorted by label.
 */
const reviews = (good, bad, row) => [
  ...Array.from({ length: good }, (_, i) => row(review(i, GOOD), 'positive', i)),
  ...Array.from({ length: bad }, (_, i) => row(review(i, BAD), 'negative', good + i)),
];

/** @param {readonly string[]} lines @returns {string} */
const file = (lines) => `${lines.join('\n')}\n`;

/**
 * An IDX file of unsigned bytes.
 * @param {readonly number[]} shape
 * @param {(i: number) => number} value
 * @returns {Uint8Array}
 */
function idx(shape, value) {
  const length = shape.reduce((product, size) => product * size, 1);
  const bytes = Buffer.alloc(4 + 4 * shape.length + length);
  bytes.writeUInt32BE(0x0800 + shape.length, 0);
  shape.forEach((size, axis) => bytes.writeUInt32BE(size, 4 + 4 * axis));
  for (let i = 0; i < length; i++) bytes[4 + 4 * shape.length + i] = value(i);
  return bytes;
}

/** @type {readonly SmallData[]} */
export const SMALL_DATA = [
  {
    title: 'CSV: one file with a heading, sorted by label',
    why: 'The columns are found by their names, and the validation part is drawn so that it has both classes.',
    files: {
      'reviews.csv': file(['id,review,sentiment', ...reviews(60, 60, (text, label, i) => `${i},"${text}",${label}`)]),
    },
    model: 'bert',
    data: 'csv:reviews.csv',
    options: {},
  },
  {
    title: 'TSV: a folder, texts that are cut, one class that rules',
    why: 'What looks wrong is said as a warning, with the option that changes it.',
    files: {
      'mails/train.tsv': file(reviews(98, 4, (text, label) => `${text}\t${label}`)),
      'mails/dev.tsv': file([
        ...reviews(9, 1, (text, label) => `${text} (new)\t${label}`),
        `${review(3, GOOD)}\tpositive`,
      ]),
    },
    model: 'bert',
    data: 'tsv:mails',
    options: { sequence: 8 },
  },
  {
    title: 'JSON Lines',
    why: 'The keys of the objects are the columns.',
    files: { 'reviews.jsonl': file(reviews(30, 30, (text, label) => JSON.stringify({ text, label }))) },
    model: 'bert',
    data: 'jsonl:reviews.jsonl',
    options: { maxTrain: 40 },
  },
  {
    title: 'Running text',
    why: 'The last tenth validates, since text goes on from what stands before.',
    files: { 'story.txt': file(Array.from({ length: 120 }, (_, i) => `In chapter ${i} we saw ${at(i, PLACES)}.`)) },
    model: 'gpt',
    data: 'text:story.txt',
    options: { sequence: 32 },
  },
  {
    title: 'Images in IDX files, sorted by class',
    why: 'The last fifth would be of two classes, so a fifth of every class is drawn.',
    files: {
      'shapes/images-idx3-ubyte': idx([200, 16, 16], (i) => (i * 37 + Math.floor(i / 5120)) % 256),
      'shapes/labels-idx1-ubyte': idx([200], (i) => Math.floor(i / 20)),
    },
    model: 'vit',
    data: 'mnist:shapes',
    options: {},
  },
  {
    title: 'Drawn data',
    why: 'They need no file, and are learnable.',
    files: {},
    model: 'vit',
    data: 'synthetic:digits',
    options: { samples: 500 },
  },
];

// Compares the ids of tokenizers with those of the library `tokenizers`, over running text and difficult lines:
// `node scripts/tokenizers.mjs --python PYTHON --text FILE [--text FILE] FOLDER...`, each folder with the files of one
// tokenizer. Ends with 1 where an id differs. Published tokenizers are no part of the project: bring the folders.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { SourceFiles } from '#dist/engine/data/source-files.js';
import { piecesOf } from '#dist/engine/data/text-pieces.js';
import { readTokenizer } from '#dist/engine/data/tokenizer-source.js';
import { dice } from './lab/dice.mjs';
import { ROOT } from './lab/pipetrain.mjs';

const { values, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    text: { type: 'string', multiple: true, default: [] },
    lowercase: { type: 'string' },
    /** Characters at which a text stands for all: the reference reads it as a whole. */
    most: { type: 'string', default: '4000000' },
  },
});

/** So many strings of characters from everywhere. */
const RANDOM = 4000;
const LONGEST = 24;

/** Characters of many writings, spaces and marks of all kinds, and parts of words and markup that tokenizers know. */
const PARTS = [
  ...'abcdefgzAZ019 ',
  ...[' ', '  ', '   ', '\n', '\r\n', '\t', '\u00a0', '\u3000', '\u200b', '\u200d', '\ufeff', '\u2028', '\u0085'],
  ...[
    '\u0000',
    '\u0007',
    '\u00ad',
    '\ufffd',
    'e\u0301',
    '\u0301',
    '\u0345',
    'ﬁ',
    '㎏',
    '½',
    'Ⅷ',
    'ｱ',
    'Ａ',
    'ß',
    'İ',
    'ſ',
  ],
  ...[
    'Σ',
    'ς',
    'и\u0306',
    '你',
    '好',
    '日本語',
    'の',
    '한국어',
    '\u1112\u1161\u11ab',
    'नमस्ते',
    'ก็',
    'שלום',
    'مرحبا',
    '\u0600',
    '٣',
  ],
  ...['🙂', '👩\u200d👩\u200d👧', '🇩🇪', '👍🏽', '𠀀', '\u{2b8c0}', '𝔘', '\u{10ffff}', '\u{e000}'],
  ...[
    "'s",
    "'LL",
    "'re",
    'the',
    ' the',
    'ing',
    '##',
    '▁',
    '▁▁',
    '...',
    '``',
    "''",
    '</s>',
    '<s>',
    '<0x41>',
    '[MASK]',
    '<mask>',
  ],
  ...['<|endoftext|>', '<pad>', 'http://', '1234567', '$5.00', '--', '(x)', '<div>', '\\n', '{', '}', '_a_'],
];

/** Every character alone and between letters, a block a text; and strings of the parts above. */
function difficultTexts() {
  const texts = ['', ' ', '  a  ', 'a '.repeat(300), 'x'.repeat(500), ' '.repeat(99), '\n'.repeat(70)];
  for (let first = 0; first < 0x110000; first += 64) {
    const block = Array.from({ length: 64 }, (_, i) => first + i).filter((code) => code < 0xd800 || code > 0xdfff);
    const known = block.filter((code) => /\P{Cn}/u.test(String.fromCodePoint(code)));
    if (known.length === 0) continue;
    texts.push(known.map((code) => `a${String.fromCodePoint(code)}b ${String.fromCodePoint(code)}`).join(' '));
  }
  const draw = dice(17, 'tokenizers');
  for (let i = 0; i < RANDOM; i++)
    texts.push(Array.from({ length: 1 + draw(LONGEST) }, () => PARTS[draw(PARTS.length)]).join(''));
  return texts;
}

const sha256 = (/** @type {Uint8Array} */ bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** As a run encodes it: piece by piece. @param {import('#dist/engine/data/dataset.js').Tokenizer} tokenizer */
function encodeRunning(tokenizer, /** @type {string} */ text) {
  /** @type {number[]} */
  const ids = [];
  let from = 0;
  for (const part of piecesOf(text, tokenizer.cut ?? 'line', tokenizer.joinsSpace)) {
    const made = tokenizer.encode(part, { start: from === 0, end: from + part.length === text.length });
    for (const id of made) ids.push(id);
    from += part.length;
  }
  return ids;
}

const scratch = mkdtempSync(join(tmpdir(), 'pipetrain-tokenizers-'));
const running = values.text.map((file) => readFileSync(file, 'utf8').slice(0, Number(values.most)));
const lines = values.text.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
const difficult = difficultTexts();
const texts = [...running, ...lines, ...difficult];
const textFile = join(scratch, 'texts.json');
writeFileSync(textFile, JSON.stringify(texts));

let failed = 0;
console.log(`${running.length} texts, ${lines.length} lines of them, ${difficult.length} difficult texts`);
for (const folder of folders) {
  const out = join(scratch, 'ids');
  const script = join(ROOT, 'scripts/golden/tokenizer_ids.py');
  execFileSync(values.python, [script, folder, textFile, out], { stdio: ['ignore', 'ignore', 'inherit'] });
  const bytes = readFileSync(out);
  const theirs = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const started = performance.now();
  const lowercase = values.lowercase === undefined ? null : values.lowercase === 'true';
  const { tokenizer } = readTokenizer(
    existsSync(join(folder, 'tokenizer.json')) ? join(folder, 'tokenizer.json') : folder,
    lowercase,
    new SourceFiles(),
  );
  const loaded = performance.now();
  let [at, tokens, different] = [0, 0, 0];
  /** @type {string | null} */
  let first = null;
  texts.forEach((text, i) => {
    const ids = i < running.length ? encodeRunning(tokenizer, text) : tokenizer.encode(text);
    const length = theirs[at] ?? 0;
    const other = theirs.subarray(at + 1, at + 1 + length);
    at += 1 + length;
    tokens += length;
    const place = ids.length === length ? ids.findIndex((id, j) => id !== other[j]) : Math.min(ids.length, length);
    if (place < 0) return;
    different += 1;
    const near = [ids, [...other]].map((list) => list.slice(place, place + 8).join(' '));
    first ??= `text ${i} ${JSON.stringify(text.slice(0, 200))}, from token ${place}: ${near.join(', and ')}`;
  });
  failed += Number(different > 0);
  console.log(
    `${basename(folder)}: ${tokenizer.name}, ${tokenizer.size} tokens; ` +
      `${texts.length - different} of ${texts.length} texts, ` +
      `${tokens} ids (sha256 ${sha256(bytes)}...); read in ${(loaded - started).toFixed(0)} ms, ` +
      `encoded in ${(performance.now() - loaded).toFixed(0)} ms`,
  );
  if (first !== null) console.log(`  ${first}`);
}
rmSync(scratch, { recursive: true });
process.exitCode = failed > 0 ? 1 : 0;

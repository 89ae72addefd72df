// The models whose steps are measured, their sizes, and how a run of ours is told of them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * B samples of T tokens, width D, H heads, L layers, vocabulary V (GPT) or S pixels a side (ViT).
 * @typedef {object} Case
 * @property {string} name
 * @property {'gpt' | 'vit'} kind
 * @property {Readonly<Record<'B' | 'T' | 'D' | 'H' | 'L', number>>} sizes
 * @property {number} [V]
 * @property {number} [S]
 */

/** In the order of what is most worth knowing. @type {readonly Case[]} */
export const CASES = [
  { name: 'GPT 124 M', kind: 'gpt', sizes: { B: 8, T: 1024, D: 768, H: 12, L: 12 }, V: 50257 },
  { name: 'GPT small', kind: 'gpt', sizes: { B: 32, T: 256, D: 384, H: 6, L: 6 }, V: 65 },
  { name: 'ViT-B/16', kind: 'vit', sizes: { B: 32, T: 196, D: 768, H: 12, L: 12 }, S: 224 },
  { name: 'GPT 350 M', kind: 'gpt', sizes: { B: 8, T: 1024, D: 1024, H: 16, L: 24 }, V: 50257 },
];

/** The same kinds, so small that a step takes no time: --tiny. @type {readonly Case[]} */
export const TINY_CASES = [
  { name: 'tiny GPT', kind: 'gpt', sizes: { B: 4, T: 32, D: 32, H: 2, L: 2 }, V: 65 },
  { name: 'tiny ViT', kind: 'vit', sizes: { B: 4, T: 4, D: 32, H: 2, L: 2 }, S: 32 },
];

const PATCH = 16;

/** Signs that a text may be made of: ideographs, of which there are enough for any vocabulary. */
function signs(/** @type {number} */ count) {
  const blocks = [
    [0x4e00, 0x9fff],
    [0x20000, 0x2a6df],
  ];
  const all = blocks.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from }, (_, i) => from + i));
  return all.slice(0, count);
}

/**
 * A text of `count` different signs, each at least once, long enough for some batches.
 * @param {string} folder
 * @param {number} count
 * @param {number} length
 */
function writeText(folder, count, length) {
  const known = signs(count);
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  const codes = Array.from({ length: Math.max(length, 2 * count) }, (_, i) => known[i < count ? i : next() % count]);
  const file = join(folder, `text-${count}.txt`);
  writeFileSync(file, codes.map((code) => String.fromCodePoint(code ?? 0)).join(''));
  return file;
}

/**
 * What `pipetrain train` is told of a case besides devices and precision.
 * @param {Case} measured
 * @param {string} folder For files of data.
 * @returns {string[]}
 */
export function flagsOf({ kind, sizes: { B, T, D, H, L }, V = 0, S = 0 }, folder) {
  const options = `layers=${L},width=${D},heads=${H},ff=${4 * D},dropout=0`;
  const batch = ['--batch', String(B), '--micro-batch', String(B), '--limit-samples', String(2 * B)];
  if (kind === 'vit')
    return [
      ...['--model', 'vit', '--model-options', `${options},patch=${PATCH}`],
      ...['--data', 'synthetic:digits', '--data-options', `samples=${8 * B},size=${S}`, ...batch],
    ];
  // One token stands for signs that were not seen.
  const file = writeText(folder, V - 1, 8 * B * T);
  return [
    ...['--model', 'gpt', '--model-options', options],
    ...['--data', `text:${file}`, '--data-options', `tokenizer=chars,sequence=${T}`, ...batch],
  ];
}

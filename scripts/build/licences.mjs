// Licences: the texts that must go with the code of others that is part of the package, in one file. Whoever has no
// file with its licence gets the standard text of the one that its package.json names.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../lab/json.mjs';

const TEXT = /^(licen[cs]e|notice|copying)([.-]|$)/i;
/** Of packages that do not say whose they are, by how their names begin. */
const OWNERS = { '@tensorflow/': 'Google LLC', onnxruntime: 'Microsoft Corporation' };

/**
 * The folder of the package that a file is in, or null where it is ours.
 * @param {string} file
 */
export const packageFolder = (file) =>
  /^.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file.replaceAll('\\', '/'))?.[0] ?? null;

/**
 * One text for all packages, by name. Throws where a package has no licence that is known here.
 * @param {Iterable<string>} folders Of packages; one may come several times.
 */
export function licencesOf(folders) {
  const parts = new Map([...folders].map((folder) => partOf(folder)));
  return [
    'Parts of this package were written by others. This is what is in it of each, and under which terms.\n',
    ...[...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text),
  ].join(`\n${'='.repeat(100)}\n\n`);
}

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {string} [license]
 * @property {string | { name: string }} [author]
 */

/**
 * @param {string} folder
 * @returns {[name: string, text: string]}
 */
function partOf(folder) {
  const manifest = /** @type {Manifest} */ (parseJson(readFileSync(join(folder, 'package.json'), 'utf8')));
  const { name, version, license = 'unknown' } = manifest;
  const files = readdirSync(folder).filter((file) => TEXT.test(file));
  const isWhole = files.some((file) => /^(licen[cs]e|copying)/i.test(file));
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
  const text = [...(isWhole ? [] : [standardText(license, manifest)]), ...texts].join('\n\n');
  return [name, `${name} ${version}, ${license}\n\n${text}\n`];
}

/**
 * @param {string} license As SPDX has it.
 * @param {Manifest} manifest
 */
function standardText(license, { name, author }) {
  const [, known] = Object.entries(OWNERS).find(([start]) => name.startsWith(start)) ?? [];
  const owner = known ?? (typeof author === 'object' ? author.name : author);
  const texts = new URL('licences/', import.meta.url);
  if (owner === undefined || !readdirSync(texts).includes(`${license}.txt`))
    throw new Error(`${name} has no file with its licence (${license}); add owner and text to ${texts.pathname}`);
  return `Copyright (c) ${owner}\n\n${readFileSync(new URL(`${license}.txt`, texts), 'utf8').trim()}`;
}

// No code that only tests use: what is exported, and what a class offers, is reached from an entry, a script, a bench
// or the public face of the package. Prints what is not, and ends with exit code 1. A part of `npm run lint`.
import { takeCensus } from './house/unused-code.mjs';
import { ROOT } from './lab/pipetrain.mjs';

/** What tests may reach although nothing else does, and why. @type {Readonly<Record<string, string>>} */
const SEAMS = {
  'engine/tensor/optimizer.ts: Optimizer.free':
    'workers keep theirs for life; who opens many in one process must be able to give the memory back',
  'engine/tensor/native-update.ts: NativeUpdate.free': 'as Optimizer.free, for callers without an optimizer',
};

const census = takeCensus(ROOT);
const names = Object.keys(SEAMS);
const unused = census.unused();
const found = [
  ...census.unused(names).map((name) => `${name}: nothing but tests uses it; delete it, or use it`),
  ...names.filter((name) => !unused.includes(name)).map((name) => `${name}: is used; it needs no place in SEAMS`),
];
for (const line of found) console.error(line);
if (found.length > 0) process.exit(1);

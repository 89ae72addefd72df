// No code that only tests use: what is exported, and what a class offers, is reached from an entry, a script, a bench
// or the public face of the package. A file of its own, because it reads the types of the whole project (10 s alone).
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { takeCensus } from '../scripts/house/unused-code.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What tests may reach although nothing else does, and why. */
const SEAMS: Readonly<Record<string, string>> = {
  'engine/tensor/optimizer.ts: Optimizer.free':
    'workers keep theirs for life; who opens many in one process must be able to give the memory back',
  'engine/tensor/native-update.ts: NativeUpdate.free': 'as Optimizer.free, for callers without an optimizer',
  'engine/worker/cache-settings.ts: NO_CACHE': 'bench/compute loads it by path, for a seat in its own process',
  'engine/protocol/plan-transition.ts: PlanTransition.state': 'tests walk the table of states and ask where it stands',
  'engine/protocol/worker-state.ts: WorkerStanding.gone': 'tests apply every cause of the table of states',
};

test('every export and every class member is used by more than tests', { timeout: 180_000 }, () => {
  const census = takeCensus(ROOT);
  expect(census.unused(Object.keys(SEAMS))).toEqual([]);
  // No seam is in the list without need.
  const unused = census.unused();
  expect(Object.keys(SEAMS).filter((seam) => !unused.includes(seam))).toEqual([]);
});

test('a use is one over an interface, by destructuring or by a typed key, but not inside unused code', () => {
  const root = mkdtempSync(join(tmpdir(), 'census-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'engine'));
  writeFileSync(join(root, 'tsconfig.json'), '{ "compilerOptions": { "target": "ES2022", "module": "NodeNext" } }');
  writeFileSync(join(root, 'engine/index.ts'), "export { offered } from './box.js';\n");
  writeFileSync(
    join(root, 'engine/box.ts'),
    `interface Lid { open(): void; shut(): void }
export class Box implements Lid {
  open(): void {}
  shut(): void {}
  size = 1;
  red(): void {}
  blue(): void {}
  lost(): void { this.lost(); }
}
export function offered(lid: Lid, key: 'red' | 'blue'): number {
  lid.open();
  const box = new Box();
  box[key]();
  const { size } = box;
  return size;
}
export const forgotten = (box: Box): void => deeper(box);
function deeper(box: Box): void { box.shut(); }
`,
  );
  expect(takeCensus(root).unused()).toEqual([
    'engine/box.ts: Box.lost',
    'engine/box.ts: Box.shut',
    'engine/box.ts: Lid.shut',
    'engine/box.ts: deeper',
    'engine/box.ts: forgotten',
  ]);
});

// The census of unused code, on a small project. Over the sources of the package it is a part of `npm run lint`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { takeCensus } from '../scripts/house/unused-code.mjs';

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

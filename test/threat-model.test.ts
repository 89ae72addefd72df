// The threat model of docs/security.md: every promise names what holds it, and that exists.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = readFileSync(`${root}docs/security.md`, 'utf8');
const [, table = ''] = /## Who may do what\n([\s\S]*?)\n## /.exec(text) ?? [];
/** Without the two lines of its head. */
const rows = table
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => line.split(' | '));

it('has a promise for everybody who could mean harm, and for each the tests that hold it', () => {
  expect(rows.length).toBeGreaterThanOrEqual(10);
  const scripts = Object.keys(
    (JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> }).scripts,
  );
  for (const [who = '', promise = '', held = ''] of rows) {
    expect(promise.length, who).toBeGreaterThan(20);
    const names = [...held.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    expect(names, who).not.toEqual([]);
    const missing = names.filter((name) =>
      name.startsWith('npm run ')
        ? !scripts.includes(name.slice('npm run '.length))
        : !existsSync(`${root}${name}.test.ts`),
    );
    expect(missing, who).toEqual([]);
  }
});

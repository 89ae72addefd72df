import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { codeDigest } from '../../engine/tensor/code-digest.js';
import { scratchWith } from '../scratch.js';

it('is there for sources', () => {
  expect(codeDigest()).toMatch(/^[0-9a-f]{64}$/);
});

it('is there for bundles alone, as they are installed, and is that of their code', () => {
  const dist = scratchWith({ 'chunks/a.js': 'a', 'cli/main.js': 'm', 'engine/worker/worker-main.js': 'w' });
  const before = codeDigest(join(dist, 'chunks'));
  expect(before).toMatch(/^[0-9a-f]{64}$/);
  // Whichever bundle the question comes from.
  expect(codeDigest(join(dist, 'cli'))).toBe(before);
  writeFileSync(join(dist, 'chunks/a.js'), 'b');
  expect(codeDigest(join(dist, 'chunks'))).not.toBe(before);
});

it('is null where there is no code to read', () => {
  const dist = scratchWith({ 'chunks/a.js': 'a', 'cli/main.js': 'm' });
  rmSync(join(dist, 'chunks'), { recursive: true });
  expect(codeDigest(join(dist, 'cli'))).toBeNull();
});

// docs/config.md is generated; this holds it to the schema.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configPage } from '../../cli/config/config-docs.js';

test('docs/config.md says what the schema says (node scripts/config-docs.mjs writes it)', () => {
  expect(readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8')).toBe(configPage());
});

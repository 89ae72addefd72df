// Conditions: told by the code alone, so that they hold for an error of another process, too; and every code that one
// names is raised somewhere.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as conditions from '../../engine/core/conditions.js';
import { fromErrorRecord, messageOf, toErrorRecord, WorkerError } from '../../engine/core/errors.js';
import { readSources } from '../../scripts/house/import-graph.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const DEFINED_IN = 'engine/core/conditions.ts';

describe('a condition', () => {
  test('holds for the error that was thrown and for what arrives of it in another process', () => {
    const full = new WorkerError('PT_SHM_FULL', 'no room', 'Free some.');
    const arrived = fromErrorRecord(
      JSON.parse(JSON.stringify(toErrorRecord(full))) as ReturnType<typeof toErrorRecord>,
    );
    for (const error of [full, arrived]) {
      expect(conditions.isMemoryShortage(error)).toBe(true);
      expect(conditions.isRecoverable(error)).toBe(true);
      expect(conditions.isWorkLost(error)).toBe(false);
    }
  });

  test('holds for no other error, and for nothing that only looks like one', () => {
    for (const error of [new WorkerError('PT_PROTOCOL', 'm', 'h'), { code: 'PT_SHM_FULL' }, 'PT_SHM_FULL', null])
      expect(Object.values(conditions).filter((is) => is(error))).toEqual([]);
  });

  test('names only codes that some error has', () => {
    const sources = readSources(ROOT);
    const codes = readFileSync(join(ROOT, DEFINED_IN), 'utf8').match(/PT_[A-Z_]+/g) ?? [];
    expect(codes.length).toBeGreaterThan(0);
    const raised = [...sources].filter(([file]) => file !== DEFINED_IN).map(([, text]) => text);
    expect(codes.filter((code) => !raised.some((text) => text.includes(`'${code}'`)))).toEqual([]);
  });
});

test('the message of whatever was thrown is its own, or what it reads as', () => {
  expect([new Error('torn'), 'torn', 7, null].map(messageOf)).toEqual(['torn', 'torn', '7', 'null']);
});

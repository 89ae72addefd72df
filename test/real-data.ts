// Where the real data of the tests lies: the folder named by PIPETRAIN_TEST_DATA, or ../shared/data beside the project;
// null where neither exists.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const candidate = process.env['PIPETRAIN_TEST_DATA'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));

export const realData: string | null = existsSync(candidate) ? candidate : null;

if (realData === null)
  console.warn(
    `no real data at ${candidate}: the tests that use it are skipped (set PIPETRAIN_TEST_DATA to its folder)`,
  );

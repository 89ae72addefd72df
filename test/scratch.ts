// Folders for the files of tests, removed when the tests of the file that asked for them are over.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];
afterAll(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** A new, empty folder; to be asked for in a test or a hook, since nothing is removed where no test runs. */
export function scratch(parent = tmpdir()): string {
  const path = mkdtempSync(join(parent, 'pipetrain-test-'));
  made.push(path);
  return path;
}

/** A new folder with these files; a name may lead into folders of its own. */
export function scratchWith(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = scratch();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

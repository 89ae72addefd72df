// Scratch folders: temporary, and gone when the process ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A new folder; `parent` is the temporary folder of the system where none is given.
 * @param {string} name
 * @param {string} [parent]
 */
export function scratchFolder(name, parent = tmpdir()) {
  const folder = mkdtempSync(join(parent, `pipetrain-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

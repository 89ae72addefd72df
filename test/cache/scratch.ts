// Stores in the shared memory of this machine that are gone after each test.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function scratchFolder(): string {
  const folder = mkdtempSync(join(sharedMemoryFolder(), 'pipetrain-test-'));
  folders.push(folder);
  return folder;
}

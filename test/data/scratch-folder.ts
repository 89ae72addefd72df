// A folder for the files of one test file, removed after its tests; and readers of whole fields.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { PipetrainError } from '../../engine/core/errors.js';
import type { Dataset } from '../../engine/data/dataset.js';
import { hostArray } from '../../engine/tensor/shape.js';

/** Writes files and returns the folder they are in; every call makes a folder of its own. */
export function scratch(): (files: Record<string, string | Uint8Array>) => string {
  const root = mkdtempSync(join(tmpdir(), 'pipetrain-test-'));
  let count = 0;
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return (files) => {
    const folder = join(root, String((count += 1)));
    mkdirSync(folder);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return folder;
  };
}

/** One field of one sample. */
export function fieldOf(dataset: Dataset, id: number, name: string): number[] {
  const spec = dataset.info.fields.find((field) => field.name === name);
  if (spec === undefined) throw new Error(`no field ${name}`);
  const out = hostArray(spec.dtype, spec.shape);
  dataset.read(id, name, out, 0);
  return [...out];
}

/** The error that `action` throws; fails where it throws none, or one that is not for people. */
export function errorOf(action: () => unknown): PipetrainError {
  try {
    action();
  } catch (error) {
    if (error instanceof PipetrainError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

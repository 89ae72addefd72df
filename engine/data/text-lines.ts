// TextLines: a file with one text per line, as people have them who want texts classified. It knows no labels.
import { existsSync } from 'node:fs';
import { DataError } from '../core/errors.js';
import { SourceFiles } from './source-files.js';

/**
 * The texts of a UTF-8 file (or one packed by gzip), without blank lines. Throws what SourceFiles.readText throws, and
 * PT_DATA_EMPTY where no line has anything in it.
 */
export function readTextLines(path: string): string[] {
  if (!existsSync(path))
    throw new DataError('PT_DATA_MISSING', `no such file: ${path}`, 'name a file with one text per line');
  const lines = new SourceFiles().readText(path).split(/\r?\n/);
  const texts = lines.filter((line) => line.trim() !== '');
  if (texts.length === 0)
    throw new DataError('PT_DATA_EMPTY', `${path} has ${lines.length} lines, all blank`, 'write one text per line');
  return texts;
}

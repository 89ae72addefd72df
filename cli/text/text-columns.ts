// Text columns: rows of cells as aligned lines. The first row is the heading; cells that look like numbers stand right.
// It knows no units.
import { clip } from './format.js';

const isNumeric = (cell: string): boolean =>
  /^[-<]?[\d.,:]+( ?(x|%|ms|s|min|h|M?B|[kGT]B|M))?$/.test(cell) || cell === '-';

/** Lines of at most `width` characters, two blanks between columns. Every row has as many cells as the first. */
export function textColumns(rows: readonly (readonly string[])[], width: number): string[] {
  const [heading = []] = rows;
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const isRight = heading.map((_, column) => rows.slice(1).every((row) => isNumeric(row[column] ?? '')));
  return rows.map((row) =>
    clip(
      row
        .map((cell, column) =>
          isRight[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
      width,
    ),
  );
}

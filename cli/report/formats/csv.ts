// CSV: a line per step that counts, for spreadsheets and data frames. A figure that a step does not have, or that is no
// number, is an empty cell.
import type { ReportFormat } from './format.js';
import { STEP_COLUMNS, stepRows } from './step-rows.js';

/** Characters of a piece, about. */
const PIECE = 2 ** 16;

export const csv: ReportFormat = {
  name: 'csv',
  summary: 'a line per step, with the validation after it',
  file: () => 'steps.csv',
  *write(run) {
    let piece = `${[...STEP_COLUMNS.map(([name]) => name), 'validation_loss', 'validation_metric'].join(',')}\n`;
    for (const { step, evaluation } of stepRows(run)) {
      const cells = [...STEP_COLUMNS.map(([, of]) => of(step)), evaluation?.loss ?? null, evaluation?.metric ?? null];
      piece += `${cells.map(cell).join(',')}\n`;
      if (piece.length < PIECE) continue;
      yield piece;
      piece = '';
    }
    yield piece;
  },
};

const cell = (value: number | null): string => (value === null || !Number.isFinite(value) ? '' : String(value));

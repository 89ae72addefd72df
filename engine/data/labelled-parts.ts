// LabelledParts: the training and the validation lines of labelled data: of a file each, or drawn from one file so that
// every class keeps its share; and the samples of them that are wanted. It does not read files.
import { DataError } from '../core/errors.js';
import type { DataSummary } from './data-summary.js';
import type { LabelledLine } from './labelled-lines.js';
import { stratifiedDraw } from './stratified-draw.js';

export interface LabelledPart {
  readonly path: string;
  readonly lines: readonly LabelledLine[];
}

export interface PartOptions {
  /** Share of a single file that validates. */
  readonly validation: number;
  /** Seed of what is drawn; not that of the run, so that runs of other seeds validate on the same samples. */
  readonly splitSeed: number;
  readonly maxTrain?: number | undefined;
  readonly maxValidation?: number | undefined;
}

export interface LabelledParts {
  readonly train: LabelledPart;
  readonly validation: LabelledPart;
  readonly split: DataSummary['split'];
  readonly limits: DataSummary['limits'];
}

/**
 * The second part is absent where one file has all; `names` are those of all labels of the first. Throws a DataError
 * (PT_DATA_SIZE, PT_DATA_LABEL).
 */
export function labelledParts(
  [first, second]: readonly [LabelledPart, LabelledPart?],
  names: readonly string[],
  options: PartOptions,
): LabelledParts {
  const [train, validation] = second === undefined ? drawnParts(first, names, options) : [first, second];
  requireKnown(names, validation);
  const { maxTrain, maxValidation, splitSeed, validation: share } = options;
  const limited = [
    limit(train, names, { part: 'training', most: maxTrain, setting: 'maxTrain', seed: splitSeed }),
    limit(validation, names, { part: 'validation', most: maxValidation, setting: 'maxValidation', seed: splitSeed }),
  ] as const;
  return {
    train: limited[0].lines,
    validation: limited[1].lines,
    split: second === undefined ? { how: 'drawn', share, seed: splitSeed } : { how: 'file' },
    limits: limited.flatMap(({ told }) => told),
  };
}

/** Class ids of lines whose labels are all known. */
export function classIds(names: readonly string[], { lines }: LabelledPart): Int32Array {
  const index = new Map(names.map((name, id) => [name, id]));
  return Int32Array.from(lines, ({ label }) => index.get(label) ?? -1);
}

function drawnParts(
  whole: LabelledPart,
  names: readonly string[],
  { validation: share, splitSeed }: PartOptions,
): readonly [LabelledPart, LabelledPart] {
  const { path, lines } = whole;
  const count = Math.floor(lines.length * share);
  if (count === 0) {
    throw new DataError(
      'PT_DATA_SIZE',
      `${path} has ${lines.length} samples; a share of ${share} validates, which needs at least ` +
        `${Math.ceil(1 / share)}`,
      'add lines, or put validation lines into a file of their own: a folder with a training and a validation file',
    );
  }
  const drawn = new Set(
    stratifiedDraw(classIds(names, whole), { count, seed: splitSeed, purpose: 'validation', spare: 1 }),
  );
  return [
    { path, lines: lines.filter((_, place) => !drawn.has(place)) },
    { path, lines: lines.filter((_, place) => drawn.has(place)) },
  ];
}

interface Limit {
  readonly part: 'training' | 'validation';
  readonly most: number | undefined;
  readonly setting: string;
  readonly seed: number;
}

/** The first lines of a file may be of one class; so they are drawn. */
function limit(
  whole: LabelledPart,
  names: readonly string[],
  { part, most, setting, seed }: Limit,
): { readonly lines: LabelledPart; readonly told: DataSummary['limits'] } {
  const { path, lines } = whole;
  if (most === undefined || most >= lines.length) return { lines: whole, told: [] };
  const places = stratifiedDraw(classIds(names, whole), { count: most, seed, purpose: setting, spare: 0 });
  return {
    lines: { path, lines: [...places].map((place) => lines[place] as LabelledLine) },
    told: [{ part, kept: places.length, of: lines.length, setting, isDrawn: true }],
  };
}

function requireKnown(names: readonly string[], { path, lines }: LabelledPart): void {
  const known = new Set(names);
  const unknown = lines.find(({ label }) => !known.has(label));
  if (unknown === undefined) return;
  const first = names.slice(0, 10).join(', ') + (names.length > 10 ? ', ...' : '');
  throw new DataError(
    'PT_DATA_LABEL',
    `${path}:${unknown.line}: label "${unknown.label}" is none of the ${names.length} labels of the training lines ` +
      `(${first})`,
    'correct the label, or add training lines with it',
  );
}

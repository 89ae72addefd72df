// DataKind: one way to get a data set, e.g. `mnist`. A kind validates its own options and reads its own files; it does
// not parse `KIND:PATH`.
import type { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { checkOptions, optionNames } from '../core/options.js';
import type { Dataset } from './dataset.js';
import type { Legend } from './legend.js';

/** What a model may wish of the data; the options of the user come first. */
export interface DataDefaults {
  /** Tokens per sample. */
  readonly sequence?: number;
  /** Name of a tokenizer, and its vocabulary and folding of case; for kinds that let people choose them. */
  readonly tokenizer?: string;
  readonly vocab?: string;
  readonly lowercase?: boolean;
}

export interface DataRequest {
  /** As given by the user, `KIND:PATH`. */
  readonly source: string;
  /** What stands behind the colon. */
  readonly path: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Used where the user gives no `sequence`, e.g. the length a pretrained model expects. */
  readonly defaultSequence: number | null;
  /** By which tokens and classes keep the numbers that they have elsewhere, where the options allow it; or null. */
  readonly legend: Legend | null;
  /** Where the legend was read from. */
  readonly legendPath: string | null;
}

export interface DataKind {
  readonly name: string;
  /** One sentence for listings. */
  readonly summary: string;
  /** What stands behind the colon, for messages; `PATH` where absent. */
  readonly place?: string;
  /** Options that a model may preset (see DataDefaults); none where absent. */
  readonly presets?: readonly ('tokenizer' | 'vocab' | 'lowercase')[];
  /** Reads all of it. Throws a DataError or, for wrong options, a UsageError. Absent where reading takes waiting. */
  open?(request: DataRequest): Dataset;
  /** As `open`, by means that answer later: where `open` is absent, or would keep others waiting for long. */
  load?(request: DataRequest): Promise<Dataset>;
}

/** Options of data kinds that name files, whatever they look like. */
export const FILE_OPTIONS: readonly string[] = ['vocab', 'legend', 'tokensDir'];

/** The options of a request, validated and completed. Throws UsageError PT_DATA_OPTION. */
export function dataOptions<T>(schema: z.ZodType<T>, { source, options }: DataRequest): T {
  const { value, problem } = checkOptions(schema, options);
  if (problem !== null) {
    throw new UsageError(
      'PT_DATA_OPTION',
      `data ${source}: ${problem}`,
      `options of this kind: ${optionNames(schema).join(', ')}`,
    );
  }
  return value;
}

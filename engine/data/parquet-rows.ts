// ParquetRows: the rows of Parquet files as fields of text, and the names of classes that their metadata give to the
// numbers of a column. It does not know which column is what.
import { type FileMetaData, parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { z } from 'zod';
import { DataError, messageOf, PipetrainError } from '../core/errors.js';
import { LONGEST_SAMPLE, MOST_SAMPLES, type Row, type RowFile } from './separated-rows.js';
import { type SourceFiles, TEXT_LIMIT, tooLarge } from './source-files.js';

/** Names of classes by the column that has their numbers. */
export type ClassColumns = ReadonlyMap<string, readonly string[]>;

export interface ParquetTable {
  readonly table: RowFile;
  readonly classes: ClassColumns;
}

/** What the library `datasets` writes about a column of classes. */
const featuresSchema = z.record(
  z.string(),
  z.union([z.looseObject({ _type: z.literal('ClassLabel'), names: z.array(z.string()) }), z.unknown()]),
);
const huggingfaceSchema = z.looseObject({ info: z.looseObject({ features: featuresSchema }) });

/** The columns of classes among `features`, as the library `datasets` writes them in JSON. */
export function classColumns(features: unknown): ClassColumns {
  const { data = {} } = featuresSchema.safeParse(features);
  return new Map(
    Object.entries(data).flatMap(([name, feature]) => {
      const { data: label } = z
        .looseObject({ _type: z.literal('ClassLabel'), names: z.array(z.string()) })
        .safeParse(feature);
      return label === undefined ? [] : [[name, label.names] as const];
    }),
  );
}

/**
 * The rows of files of one part, one file after another; all have the same columns. Lines of messages are rows, from 1.
 * Columns of lists and objects are named, not read. Throws a DataError (PT_DATA_PARQUET, PT_DATA_FIELDS, PT_DATA_EMPTY,
 * PT_DATA_SEPARATOR, PT_DATA_LINE, PT_FILE_TOO_LARGE).
 */
export async function readParquet(paths: readonly string[], files: SourceFiles): Promise<ParquetTable> {
  const rows: Row[] = [];
  let names: readonly string[] | null = null;
  let nested: ReadonlySet<number> = new Set();
  let classes: ClassColumns = new Map();
  let bytes = 0;
  for (const path of paths) {
    const content = files.read(path, TEXT_LIMIT);
    const file = await guarded(path, () => Promise.resolve(openParquet(content)));
    if (names !== null && names.join('\n') !== file.names.join('\n'))
      throw new DataError(
        'PT_DATA_FIELDS',
        `${path} has the columns ${file.names.join(', ')}, ${paths[0] ?? ''} has ${names.join(', ')}`,
        'name files of the same table, or one of them',
      );
    bytes += file.bytes;
    // Nothing is unpacked before it is known how much it is.
    if (bytes > TEXT_LIMIT.maxBytes)
      throw tooLarge(`${path} unpacks to more (${bytes} bytes in all of its part)`, TEXT_LIMIT);
    ({ names, nested } = file);
    if (classes.size === 0) classes = file.classes;
    await guarded(path, () => file.read(rows, path));
  }
  const [path = ''] = paths;
  const width = names?.length ?? 0;
  if (rows.length === 0) throw new DataError('PT_DATA_EMPTY', `${path} has no rows`, 'name a file with samples');
  if (width < 2)
    throw new DataError(
      'PT_DATA_SEPARATOR',
      `${path} has 1 column (${names?.join() ?? ''}), where a text and a label are needed`,
      'name a file with a column of texts and one of labels',
    );
  return { table: { path, rows, width, separator: 'keys', names: names ?? [], nested }, classes };
}

interface OpenParquet {
  readonly names: readonly string[];
  readonly nested: ReadonlySet<number>;
  readonly classes: ClassColumns;
  /** What the columns that are read unpack to. */
  readonly bytes: number;
  read(rows: Row[], path: string): Promise<void>;
}

function openParquet(content: Buffer): OpenParquet {
  const metadata = parquetMetadata(content);
  const columns = parquetSchema(metadata).children;
  const names = columns.map(({ element }) => element.name);
  const flat = columns.filter(({ children }) => children.length === 0).map(({ element }) => element.name);
  const nested = new Set(names.flatMap((name, at) => (flat.includes(name) ? [] : [at])));
  const bytes = metadata.row_groups
    .flatMap((group) => group.columns)
    .filter(({ meta_data: of }) => flat.includes(of?.path_in_schema[0] ?? ''))
    .reduce((sum, { meta_data: of }) => sum + Number(of?.total_uncompressed_size ?? 0), 0);
  const file = {
    byteLength: content.length,
    // Copied: what is asked for is a buffer of its own.
    slice: (from: number, to?: number) => Uint8Array.prototype.slice.call(content, from, to).buffer,
  };
  const read = async (rows: Row[], path: string): Promise<void> => {
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows);
      const objects = await parquetReadObjects({ file, metadata, compressors, columns: flat, rowStart, rowEnd });
      for (const object of objects) addRow(rows, names, object, path);
      rowStart = rowEnd;
    }
  };
  return { names, nested, classes: classesOf(metadata), bytes, read };
}

function classesOf({ key_value_metadata: entries = [] }: FileMetaData): ClassColumns {
  const text = entries.find(({ key }) => key === 'huggingface')?.value;
  if (text === undefined) return new Map();
  try {
    return classColumns(huggingfaceSchema.safeParse(JSON.parse(text)).data?.info.features);
  } catch {
    // Somebody else's note: numbers stay numbers.
    return new Map();
  }
}

function addRow(rows: Row[], names: readonly string[], object: Record<string, unknown>, path: string): void {
  const fields = names.map((name) => fieldText(object[name]));
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  const line = rows.length + 1;
  if (length > LONGEST_SAMPLE)
    throw new DataError(
      'PT_DATA_LINE',
      `${path}:${line}: a sample of ${length} characters; at most ${LONGEST_SAMPLE} are read`,
      'cut what no model would read whole',
    );
  if (rows.length === MOST_SAMPLES)
    throw new DataError(
      'PT_FILE_TOO_LARGE',
      `${path} has more than ${MOST_SAMPLES} samples, which are read at most`,
      'Name fewer files, or split them.',
    );
  rows.push({ fields, line });
}

/** Numbers as JSON writes them; nothing for null, and for what is no text. */
function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : '';
}

/** Turns what the library throws into an error for a person. */
async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw new DataError(
      'PT_DATA_PARQUET',
      `${path} cannot be read as a Parquet file: ${messageOf(error)}`,
      'download or write it again; check that it is a .parquet file',
      { cause: error },
    );
  }
}

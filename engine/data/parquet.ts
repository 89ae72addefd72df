// Data kinds `parquet` and `hfdata`: tables in Parquet files, of a file or of a folder as the Hugging Face Hub has
// them, for text classification.
import { dirname } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.js';
import type { Dataset } from './dataset.js';
import { type HubParts, hubParts } from './hub-folder.js';
import { type DataKind, dataOptions, type DataRequest } from './kind.js';
import { LABELLED_OPTIONS, LABELLED_PRESETS, labelledTable } from './labelled-table.js';
import { type ParquetTable, readParquet } from './parquet-rows.js';
import type { RowFile } from './separated-rows.js';
import { isFolder, SourceFiles } from './source-files.js';

const options = z.strictObject({
  ...LABELLED_OPTIONS,
  config: z.string().min(1).optional().describe('folder: the configuration, where there are several'),
});

async function load(request: DataRequest): Promise<Dataset> {
  const { config, ...rest } = dataOptions(options, request);
  const isDir = isFolder(request.path);
  const parts: HubParts = isDir
    ? hubParts(request.path, config)
    : { train: [request.path], validation: null, classes: new Map() };
  const files = new SourceFiles();
  const train = await readParquet(parts.train, files);
  const validation = parts.validation === null ? null : await readParquet(parts.validation, files);
  const classes = parts.classes.size > 0 ? parts.classes : train.classes;
  const named = (read: ParquetTable): RowFile => namedTable(read.table, classes);
  const [only, ...others] = classes.keys();
  // A single column that is declared as one of classes is what people train on.
  const label = rest.label ?? (others.length === 0 ? only : undefined);
  return labelledTable(
    request,
    { ...rest, label },
    {
      files,
      tables: validation === null ? [named(train)] : [named(train), named(validation)],
      folder: isDir ? request.path : dirname(request.path),
      classNames: (column) => classes.get(train.table.names?.[column] ?? '') ?? null,
    },
  );
}

/** The rows with the names of classes in place of their numbers; nothing for -1, which is none. */
function namedTable(table: RowFile, classes: HubParts['classes']): RowFile {
  const lists = (table.names ?? []).map((name) => classes.get(name) ?? null);
  if (lists.every((list) => list === null)) return table;
  return {
    ...table,
    rows: table.rows.map(({ fields, line }) => ({
      line,
      fields: fields.map((field, at) => {
        const list = lists[at] ?? null;
        if (list === null || field === '') return field;
        const name = list[Number(field)];
        if (name !== undefined || field === '-1') return name ?? '';
        throw new DataError(
          'PT_DATA_LABEL',
          `${table.path}:${line}: "${table.names?.[at] ?? ''}" is ${field}, and there are ${list.length} classes (` +
            `${list.slice(0, 10).join(', ')})`,
          'correct the label, or the names of the classes in the description of the data set',
        );
      }),
    })),
  };
}

/** As `jsonl`, of the columns of a table. */
export const parquet: DataKind = {
  name: 'parquet',
  presets: LABELLED_PRESETS,
  summary: 'FILE, or DIR with Parquet files of the splits train and validation or test: columns with text and label',
  load,
};

/** As `parquet`, of a whole folder. */
export const hfdata: DataKind = {
  name: 'hfdata',
  presets: LABELLED_PRESETS,
  summary: 'DIR of a data set from the Hugging Face Hub (Parquet files; class names from its description)',
  load(request) {
    if (isFolder(request.path)) return load(request);
    throw new DataError(
      'PT_DATA_FOLDER',
      `${request.path} is a file, not a folder`,
      `use parquet:${request.path} for one file, or name the folder of the data set`,
    );
  },
};

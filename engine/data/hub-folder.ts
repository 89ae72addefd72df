// HubFolder: a folder with the files of a data set as the Hugging Face Hub has them: which Parquet files make up which
// part, and what its card (README.md) or dataset_info.json say of classes. It reads no rows.
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { readBoundedText } from '../core/bounded-file.js';
import { DataError, UsageError } from '../core/errors.js';
import { VALIDATION_NAMES } from './labelled-table.js';
import { type ClassColumns, classColumns } from './parquet-rows.js';

export interface HubParts {
  readonly train: readonly string[];
  /** Null where there is none: a share of the training part validates. */
  readonly validation: readonly string[] | null;
  readonly classes: ClassColumns;
}

const CARD_LIMIT = { maxBytes: 4e6, remedy: 'Leave the file out of the folder.' };
/** Folders below a folder that are looked into. */
const MOST_DEPTH = 3;

const fileSchema = z.looseObject({ split: z.string(), path: z.union([z.string(), z.array(z.string())]) });
const configSchema = z.looseObject({
  config_name: z.string().default('default'),
  data_files: z.union([z.array(fileSchema), z.unknown()]).optional(),
});
const featureSchema = z.looseObject({ name: z.string(), dtype: z.unknown() });
const infoSchema = z.looseObject({ config_name: z.string().default('default'), features: z.array(z.unknown()) });
const cardSchema = z.looseObject({
  configs: z.array(configSchema).optional(),
  dataset_info: z.union([z.array(infoSchema), infoSchema]).optional(),
});
type Card = z.infer<typeof cardSchema>;

/** Whether a folder looks as if it came from the Hub. */
export const isHubFolder = (folder: string): boolean =>
  existsSync(join(folder, 'dataset_info.json')) || parquetBelow(folder).length > 0;

/**
 * The parts of a folder. `config` names one of several configurations. Throws a DataError (PT_DATA_MISSING,
 * PT_DATA_FORMAT) or a UsageError (PT_DATA_OPTION).
 */
export function hubParts(folder: string, config: string | undefined): HubParts {
  const all = parquetBelow(folder);
  if (all.length === 0) throw noParquet(folder);
  const card = readCard(folder);
  const chosen = chooseConfig(folder, all, card, config);
  const split = (name: string): readonly string[] => chosen.of(name);
  const train = split('train');
  if (train.length === 0)
    throw new DataError(
      'PT_DATA_MISSING',
      `no Parquet file of the split train in ${folder}; there are ${shown(all)}`,
      'a folder needs train.parquet or train-00000-of-00001.parquet, and validation or test to validate; or name one ' +
        'file: parquet:FILE',
    );
  const validation = VALIDATION_NAMES.map(split).find((paths) => paths.length > 0) ?? null;
  const paths = (names: readonly string[]): string[] => names.map((name) => join(folder, name));
  return {
    train: paths(train),
    validation: validation === null ? null : paths(validation),
    classes: classesOf(folder, card, chosen.name),
  };
}

interface Chosen {
  readonly name: string;
  readonly of: (split: string) => readonly string[];
}

/** By the card, or by the folders that the files lie in, as converted data sets have them: one per configuration. */
function chooseConfig(folder: string, all: readonly string[], card: Card | null, config: string | undefined): Chosen {
  const listed = (card?.configs ?? []).flatMap(({ config_name: name, data_files: given }) => {
    const { data: parts } = z.array(fileSchema).safeParse(given);
    return parts === undefined ? [] : [{ name, parts }];
  });
  if (listed.length > 0) {
    const name = oneOf(
      folder,
      listed.map((one) => one.name),
      config,
    );
    const parts = listed.find((one) => one.name === name)?.parts ?? [];
    return {
      name,
      of: (split) =>
        all.filter((path) =>
          parts.some((part) => part.split === split && [part.path].flat().some((pattern) => matches(path, pattern))),
        ),
    };
  }
  const folders = [...new Set(all.map((path) => path.split('/').slice(0, -1).join('/')))].filter(
    (name) => splitOf(`${name}/`) === null,
  );
  const name = folders.length > 1 || config !== undefined ? oneOf(folder, folders, config) : null;
  const own = name === null ? all : all.filter((path) => path.startsWith(name === '' ? '' : `${name}/`));
  return { name: name ?? 'default', of: (split) => own.filter((path) => splitOf(path) === split) };
}

function oneOf(folder: string, names: readonly string[], config: string | undefined): string {
  const [only] = names;
  if (config === undefined && names.length === 1 && only !== undefined) return only;
  if (config !== undefined && names.includes(config)) return config;
  throw new UsageError(
    'PT_DATA_OPTION',
    config === undefined
      ? `${folder} has ${names.length} configurations: ${names.join(', ')}`
      : `${folder} has no configuration "${config}"; it has ${names.join(', ')}`,
    `say which: --data-options config=${only ?? 'NAME'}`,
  );
}

/** The split that a path names: `train-00000-of-00002.parquet`, `data/train.parquet`, `train/0000.parquet`. */
function splitOf(path: string): string | null {
  for (const part of path.split('/').reverse()) {
    const word = /^(?:.*[-_.])?(train|dev|validation|valid|val|test)(?:[-_.]|$)/.exec(part)?.[1];
    if (word !== undefined) return word;
  }
  return null;
}

/** Whether a path is meant by a pattern with `*` and `**`. */
function matches(path: string, pattern: string): boolean {
  const source = pattern
    .replace(/^\.\//, '')
    .split(/(\*\*\/?|\*)/)
    .map((part) => (part === '*' ? '[^/]*' : part.startsWith('**') ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

/** What stands between the lines `---` of README.md, or null. */
function readCard(folder: string): Card | null {
  const path = join(folder, 'README.md');
  if (!existsSync(path)) return null;
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readBoundedText(path, CARD_LIMIT))?.[1];
  if (front === undefined) return null;
  try {
    return cardSchema.safeParse(parse(front)).data ?? null;
  } catch (cause) {
    throw new DataError(
      'PT_DATA_FORMAT',
      `${path}: the description between the lines --- is no YAML`,
      'download it again, or leave it out: the names of the files tell the parts as well',
      { cause },
    );
  }
}

function classesOf(folder: string, card: Card | null, config: string): ClassColumns {
  const path = join(folder, 'dataset_info.json');
  if (existsSync(path)) {
    const info = jsonOf(path);
    const own = (info as Record<string, unknown>)[config] ?? info;
    const classes = classColumns((own as { readonly features?: unknown }).features);
    if (classes.size > 0) return classes;
  }
  const infos = card?.dataset_info === undefined ? [] : [card.dataset_info].flat();
  const info = infos.find(({ config_name: name }) => name === config) ?? (infos.length === 1 ? infos[0] : undefined);
  return new Map((info?.features ?? []).flatMap(cardClasses));
}

/** `dtype: { class_label: { names: { '0': neg, '1': pos } } }` */
function cardClasses(feature: unknown): [string, readonly string[]][] {
  const { data } = featureSchema.safeParse(feature);
  const { data: label } = z
    .looseObject({ class_label: z.looseObject({ names: z.record(z.string(), z.union([z.string(), z.number()])) }) })
    .safeParse(data?.dtype);
  if (data === undefined || label === undefined) return [];
  const names = Object.entries(label.class_label.names).sort(([a], [b]) => Number(a) - Number(b));
  return [[data.name, names.map(([, name]) => String(name))]];
}

function jsonOf(path: string): object {
  try {
    const value: unknown = JSON.parse(readBoundedText(path, CARD_LIMIT));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw new DataError('PT_DATA_FORMAT', `${path} is no JSON`, 'download it again, or leave it out', { cause });
  }
  return {};
}

/** Paths of Parquet files from the folder, in their order. */
function parquetBelow(folder: string, root = folder, depth = 0): string[] {
  return entriesOf(folder)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.name.startsWith('.')) return [];
      if (entry.isDirectory()) return depth < MOST_DEPTH ? parquetBelow(path, root, depth + 1) : [];
      return entry.name.endsWith('.parquet') ? [relative(root, path).split(sep).join('/')] : [];
    });
}

/** None where it cannot be read: who opens it will say so. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function noParquet(folder: string): DataError {
  const isSaved = existsSync(join(folder, 'dataset_dict.json')) || existsSync(join(folder, 'state.json'));
  return isSaved
    ? new DataError(
        'PT_DATA_FORMAT',
        `${folder} was saved by save_to_disk of the library datasets, as Arrow files`,
        `write each part as Parquet: python3 -c "import datasets; d = datasets.load_from_disk('${folder}'); ` +
          `[d[s].to_parquet(f'parquet/{s}.parquet') for s in d]"; then --data hfdata:parquet`,
      )
    : new DataError(
        'PT_DATA_MISSING',
        `no Parquet files in ${folder}`,
        'of CSV or JSON Lines, name them as such: --data csv:DIR, or jsonl:DIR',
      );
}

const shown = (paths: readonly string[]): string => paths.slice(0, 5).join(', ') + (paths.length > 5 ? ', ...' : '');

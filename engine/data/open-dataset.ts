// openDataset: from `KIND:PATH` and options to a Dataset. The list of kinds is here; each kind is a file of its own.
import { createHash } from 'node:crypto';
import { UsageError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import { didYouMean } from '../core/suggest.js';
import type { Dataset } from './dataset.js';
import { kindless, requireReadable } from './foreign-format.js';
import type { DataDefaults, DataKind, DataRequest } from './kind.js';
import { csv, jsonl, sst2, tsv } from './labelled-text.js';
import { legendDigest, legendOf, readLegend } from './legend.js';
import { mnist } from './mnist.js';
import { hfdata, parquet } from './parquet.js';
import { synthetic } from './synthetic.js';
import { text } from './text.js';

/** The value of the option `legend` that says to number tokens and classes by the data alone. */
export const NO_LEGEND = 'none';

/** Every kind of data. Adding one is one file and one line here. */
export const DATA_KINDS: readonly DataKind[] = [
  // In the order of listings.
  mnist,
  sst2,
  tsv,
  csv,
  jsonl,
  parquet,
  hfdata,
  text,
  synthetic,
];

/**
 * Opens a data set such as `mnist:DIR`. `defaults` are what the model wishes, e.g. the vocabulary it was trained with:
 * they are used where the options do not name them and the kind has them. Every kind has the option `legend`: a file
 * by which numbers keep the meaning that they have elsewhere, or `none`. Throws UsageError PT_DATA_KIND or
 * PT_DATA_OPTION, DataError PT_DATA_*.
 */
export async function loadDataset(
  source: string,
  options: Record<string, unknown>,
  defaults: DataDefaults = {},
): Promise<Dataset> {
  const { kind, request } = requested(source, options, defaults);
  if (kind.load === undefined) return openDataset(source, options, defaults);
  const dataset = await kind.load(request);
  return request.legend === null ? dataset : readByLegend(dataset);
}

/** As `loadDataset`, at once; for kinds that need not wait. */
export function openDataset(source: string, options: Record<string, unknown>, defaults: DataDefaults = {}): Dataset {
  const { kind, request } = requested(source, options, defaults);
  invariant(kind.open !== undefined, () => `data ${source}: the kind ${kind.name} is loaded, not opened`);
  const dataset = kind.open(request);
  return request.legend === null ? dataset : readByLegend(dataset);
}

function requested(
  source: string,
  options: Record<string, unknown>,
  defaults: DataDefaults,
): { readonly kind: DataKind; readonly request: DataRequest } {
  const colon = source.indexOf(':');
  const name = colon < 0 ? source : source.slice(0, colon);
  const path = colon < 0 ? '' : source.slice(colon + 1);
  const names = DATA_KINDS.map((kind) => kind.name);
  const kind = DATA_KINDS.find((candidate) => candidate.name === name);
  const list = `kinds of data: ${DATA_KINDS.map((known) => `${known.name} (${known.summary})`).join('; ')}`;
  if (kind === undefined) {
    if (colon < 0 && !names.includes(name)) throw kindless(source, list);
    const problem = `there is no kind of data "${name}" (in "${source}").`;
    throw new UsageError('PT_DATA_KIND', problem + didYouMean(name, names), list);
  }
  if (path === '') {
    throw new UsageError(
      'PT_DATA_KIND',
      `data "${source}" names no path; write ${name}:${kind.place ?? 'PATH'}.`,
      list,
    );
  }
  // Who names an ending that is to be read as text knows what it is.
  if (kind.place === undefined) requireReadable(name, path, options['match'] !== undefined);
  const presets = (kind.presets ?? [])
    .filter((option) => defaults[option] !== undefined)
    .map((option) => [option, defaults[option]] as const);
  const { legend: given, ...own } = options;
  const legendPath = legendFile(source, given);
  const legend = legendPath === null ? null : readLegend(legendPath);
  const request = {
    source,
    path,
    options: { ...Object.fromEntries(presets), ...own },
    defaultSequence: defaults.sequence ?? null,
    legend,
    legendPath,
  };
  return { kind, request };
}

/** The option `legend`: the path of a file, or null for none. */
function legendFile(source: string, given: unknown): string | null {
  if (given === undefined || given === NO_LEGEND) return null;
  if (typeof given === 'string' && given !== '') return given;
  throw new UsageError(
    'PT_DATA_OPTION',
    `data ${source}: the option legend is ${JSON.stringify(given)}, not a file`,
    `Name the legend.json of a run or of a checkpoint, or write legend=${NO_LEGEND}.`,
  );
}

/** Two readings of the same files are different data: the digest says by which numbers they were read. */
function readByLegend(dataset: Dataset): Dataset {
  const { source, info, numTrain, numValidation, tokenizer, labels, summary, textFacts, frameText } = dataset;
  return {
    ...(textFacts === undefined ? {} : { textFacts }),
    ...(frameText === undefined ? {} : { frameText }),
    ...(summary === undefined ? {} : { summary }),
    source,
    info,
    numTrain,
    numValidation,
    tokenizer,
    labels,
    digest: createHash('sha256')
      .update(`${dataset.digest} ${legendDigest(legendOf(dataset))}`)
      .digest('hex'),
    read: (id, name, out, row) => dataset.read(id, name, out, row),
  };
}

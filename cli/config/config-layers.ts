// ConfigLayers: the settings of a file, of the environment and of flags, each as a layer. Not validated yet:
// engine/session/resolve-settings.ts merges layers and checks the result.
import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { readBoundedText } from '../../engine/core/bounded-file.js';
import { messageOf, PipetrainError, UsageError } from '../../engine/core/errors.js';
import { suggest } from '../../engine/core/suggest.js';
import { type ConfigKey, configKeys, toCamel, toKebab } from '../../engine/run/setting-keys.js';
import type { Layer, Setting } from '../../engine/session/settings-layer.js';
import { decimalIn, isDecimal } from './decimal.js';
import { saidHere } from './foreign-names.js';

/** What commander hands over: text, the booleans of `--x` and `--no-x`, and the texts of a repeated flag. */
export type FlagValue = string | boolean | readonly string[];

const byKebab = new Map(configKeys.map((key) => [key.kebab, key]));

/** Whether there is a setting of that name, in kebab-case. */
export const isSetting = (kebab: string): boolean => byKebab.has(kebab);

const byVariable = new Map(configKeys.map((key) => [key.variable, key]));

/** The token of a run is no setting: it must not end up in the run folder. */
export const TOKEN_VARIABLE = 'PIPETRAIN_TOKEN';
/** Variables with our prefix that are not settings. */
const OTHER_VARIABLES = new Set([
  'PIPETRAIN_TEST_DATA',
  'PIPETRAIN_TORCH',
  'PIPETRAIN_TORCH_OF_PYTHON',
  TOKEN_VARIABLE,
]);

/** One with every setting has 4 kB. The time to find keys that are there twice grows with the square of the size. */
const LIMIT = {
  maxBytes: 2 ** 16,
  remedy: 'Name a YAML file of settings; what is data belongs into a file of its own.',
};

/** The settings of a YAML file. Throws UsageErrors that name the file and the line. */
export function fileLayer(path: string): Layer {
  try {
    return parsedLayer(path);
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    // Aliases that stand for more and more of each other, or lists within lists without end.
    throw noSettings(`${path} cannot be read: ${messageOf(error)}`);
  }
}

function parsedLayer(path: string): Layer {
  const lines = new LineCounter();
  const document = parseDocument(textOf(path), { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number | undefined): string =>
    offset === undefined ? `file ${path}` : `file ${path}, line ${lines.linePos(offset).line}`;
  const broken = document.errors[0];
  if (broken !== undefined) throw noSettings(`${lineAt(broken.pos[0])}: ${broken.message}`);
  const layer = new Map<string, Setting>();
  if (document.contents === null) return layer;
  if (!isMap(document.contents)) throw noSettings(`${path} does not hold settings`);
  for (const pair of document.contents.items) {
    const kebab = String(isScalar(pair.key) ? pair.key.value : pair.key);
    const origin = lineAt(isScalar(pair.key) ? pair.key.range?.[0] : undefined);
    const key = byKebab.get(kebab);
    if (key === undefined) throw unknownKey(kebab, origin);
    const node = document.get(pair.key, true);
    const value: unknown = isNode(node) ? plainValue(node, document) : node;
    // `key:` without a value leaves the setting as it is.
    if (value === null) continue;
    put(layer, key, value, origin);
  }
  return layer;
}

function textOf(path: string): string {
  try {
    return readBoundedText(path, LIMIT);
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    const why =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : String(error);
    throw new UsageError(
      'PT_CONFIG_FILE',
      `the configuration ${path} cannot be read: ${why}`,
      'Give the path of a YAML file, or flags alone.',
      { cause: error },
    );
  }
}

const noSettings = (what: string): UsageError =>
  new UsageError('PT_CONFIG_SYNTAX', what, 'Settings are written as `name: value`, one per line.');

/** The settings of the environment: PIPETRAIN_*. A variable of that prefix that is no setting is an error. */
export function environmentLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  const layer = new Map<string, Setting>();
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('PIPETRAIN_') || text === undefined || OTHER_VARIABLES.has(variable)) continue;
    const key = byVariable.get(variable);
    if (key === undefined) {
      const near = suggest(variable, [...byVariable.keys()]);
      throw new UsageError(
        'PT_CONFIG_KEY',
        `the environment variable ${variable} names no setting`,
        near === null
          ? 'Unset it. `pipetrain train --help` lists the settings.'
          : `Did you mean ${near}? If not, unset it.`,
      );
    }
    if (text !== '') put(layer, key, readText(key, text), `environment ${variable}`);
  }
  return layer;
}

/** The settings of the command line; `fast` is the other name of `exact: false`. */
export function flagLayer(flags: ReadonlyMap<string, FlagValue>): Layer {
  const layer = new Map<string, Setting>();
  if (flags.get('fast') === true) layer.set('exact', { value: false, origin: 'flag --fast' });
  for (const key of configKeys) {
    const value = flags.get(key.name);
    if (value === undefined) continue;
    const texts = typeof value === 'object' ? value : [value];
    for (const text of texts) {
      if (typeof text === 'string' && text.trim() === '') throw emptyFlag(key);
      put(layer, key, typeof text === 'boolean' ? text : readText(key, text), `flag --${key.kebab}`);
    }
  }
  return layer;
}

/** A variable of a shell that is not set, more often than not; as a default it would train something else. */
const emptyFlag = (key: ConfigKey): UsageError =>
  new UsageError(
    'PT_CONFIG_VALUE',
    `--${key.kebab} is empty; it must be ${key.allowed}`,
    `Leave the flag out where you do not want it. ${key.kebab}: ${key.description}.`,
  );

function put(layer: Map<string, Setting>, key: ConfigKey, value: unknown, origin: string): void {
  if (key.kind !== 'record' || typeof value !== 'object' || value === null || Array.isArray(value)) {
    // `lr: 1e-3` is a number to YAML and an expression to us.
    layer.set(key.name, { value: key.kind === 'text' && typeof value === 'number' ? String(value) : value, origin });
    return;
  }
  for (const [written, inner] of Object.entries(value)) {
    const option = optionName(written, `${origin}: ${key.kebab}`);
    const path = `${key.name}.${option}`;
    const before = layer.get(path);
    if (before !== undefined && !isDeepStrictEqual(before.value, inner))
      throw twice(`${origin}: ${key.kebab} has the option ${option}`, before.value, inner);
    layer.set(path, { value: inner, origin });
  }
}

/** The name of an option in camelCase. Throws a UsageError (PT_CONFIG_KEY) for what no option can be called. */
function optionName(written: string, where: string): string {
  if (/^[A-Za-z][\w-]*$/.test(written)) return toCamel(written);
  throw new UsageError(
    'PT_CONFIG_KEY',
    `${where} has the option "${written}", which is no name of one`,
    'Names of options begin with a letter and consist of letters, digits, - and _.',
  );
}

/**
 * Text of a flag or a variable as the value it stands for; where it stands for none it stays text, and validation
 * tells.
 */
function readText(key: ConfigKey, text: string): unknown {
  if (key.kind === 'boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
  if (key.kind === 'text') return text;
  if (key.kind === 'record') return readPairs(text, `--${key.kebab}`);
  return decimalIn(text) ?? text;
}

/**
 * `layers=4,width=128` as {layers: 4, width: 128}; the text itself where it is not made of pairs. Throws a UsageError
 * where a name is none, or comes twice with different values; `where` is what it stands behind.
 */
export function readPairs(text: string, where: string): unknown {
  const pairs = new Map<string, unknown>();
  // A comma separates pairs only where another NAME= follows, so that a value may hold commas.
  for (const part of text.split(/,(?=\s*[\w-]+=)/)) {
    const at = part.indexOf('=');
    if (at < 1) return text;
    const name = optionName(part.slice(0, at).trim(), where);
    const value = readValue(part.slice(at + 1));
    const before = pairs.get(name);
    if (pairs.has(name) && !isDeepStrictEqual(before, value))
      throw twice(`${where} has the option ${name}`, before, value);
    pairs.set(name, value);
  }
  return Object.fromEntries(pairs);
}

/** For something that is said twice, otherwise each time. */
const twice = (what: string, first: unknown, second: unknown): UsageError =>
  new UsageError(
    'PT_CONFIG_VALUE',
    `${what} twice, as ${JSON.stringify(first)} and ${JSON.stringify(second)}`,
    'Give it once.',
  );

/** A YAML value (number, boolean, list, text); what YAML cannot read is text. */
function readValue(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  return document.errors.length > 0 || isSwallowed(document.contents, text)
    ? text
    : plainValue(document.contents, document);
}

/** Whether YAML takes the text for the beginning of something that does not follow: `|`, `#`, `&a`. */
function isSwallowed(contents: Document['contents'], text: string): boolean {
  if (contents === null) return text.trim() !== '';
  if (!isScalar(contents)) return false;
  const { type, source = '' } = contents;
  return type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED' || (source === '' && !/^["']/.test(text.trim()));
}

/** A part of a document; numbers that are no decimal ones (0x10, .inf) stay the texts that they are. */
function plainValue(node: unknown, document: Document): unknown {
  if (!isNode(node)) return node;
  visit(node, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'number' && !isDecimal(scalar.source ?? '')) scalar.value = scalar.source;
    },
  });
  return node.toJS(document);
}

function unknownKey(name: string, origin: string): UsageError {
  const kebab = toKebab(name).replaceAll('_', '-').replace(/^-+/, '');
  const known = name === 'fast' ? 'exact: false' : byKebab.has(kebab) ? kebab : null;
  // `--data-options sequence=128` is `data-options: {sequence: 128}` in a file.
  const [flag, option] = (known === null ? saidHere(name, isSetting) : null)?.split(' ') ?? [];
  const foreign = flag === undefined || option === undefined ? flag : `${flag}: {${option.replace('=', ': ')}}`;
  const near = known ?? foreign?.replace(/^--/, '') ?? suggest(kebab, [...byKebab.keys()]);
  return new UsageError(
    'PT_CONFIG_KEY',
    `${origin}: there is no setting "${name}"`,
    near === null ? '`pipetrain train --help` lists the settings.' : `Did you mean "${near}"?`,
  );
}

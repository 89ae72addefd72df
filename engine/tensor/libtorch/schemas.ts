// Schemas: what the operators of a PyTorch take and return, read from the list that its wheel carries, so that they are
// those of the very version. Parsed on demand: the list has thousands.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelError, UsageError } from '../../core/errors.js';
import { present } from '../../core/invariant.js';

/** Of one operator; types as PyTorch writes them, e.g. `Tensor`, `int[]`, `float?`. Aliasing marks are left out. */
export interface Schema {
  readonly args: readonly string[];
  readonly results: readonly string[];
}

const FILE = join('packaged', 'ATen', 'native', 'native_functions.yaml');
const LINE = /^- func: ([^(]+)(\(.*) -> (.*?)\s*$/gm;

export class Schemas {
  readonly #lines: ReadonlyMap<string, readonly [args: string, results: string]>;
  readonly #parsed = new Map<string, Schema>();

  /** `text` is the list. */
  constructor(text: string) {
    this.#lines = new Map(
      Array.from(text.matchAll(LINE), ([, name = '', args = '', results = '']) => [name, [args.slice(1, -1), results]]),
    );
  }

  /** Those of the PyTorch in that folder. Throws a UsageError (PT_DEVICES) where the list is missing. */
  static of(torchFolder: string): Schemas {
    const file = join(torchFolder, '..', 'torchgen', FILE);
    try {
      return new Schemas(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new UsageError(
        'PT_DEVICES',
        `${file} cannot be read; it says what the operators of this PyTorch take`,
        'It is part of the packages of PyTorch from pip; install PyTorch again with: pip install torch.',
        { cause: error },
      );
    }
  }

  /** `name` with its overload, e.g. `mm` or `mul.Tensor`. Throws a ModelError (PT_EXECUTOR) where there is none. */
  get(name: string): Schema {
    const known = this.#parsed.get(name);
    if (known !== undefined) return known;
    const line = this.#lines.get(name);
    if (line === undefined)
      throw new ModelError(
        'PT_EXECUTOR',
        `this PyTorch has no operator ${name}`,
        'Use another version; docs/executors.md says which ones have been tried.',
      );
    const [args, results] = line;
    const schema = {
      args: parts(args)
        .filter((part) => part !== '*')
        .map(typeOf),
      results: resultsOf(results),
    };
    this.#parsed.set(name, schema);
    return schema;
  }
}

const resultsOf = (text: string): readonly string[] =>
  (text.startsWith('(') ? parts(text.slice(1, -1)) : [text]).map(typeOf);

/** The type in front of an argument or a result. */
const typeOf = (part: string): string =>
  present(
    part
      .split('=')[0]
      ?.replace(/\([^)]*\)/g, '')
      .trim()
      .split(' ')[0],
    'a type',
  )
    .replace('SymInt', 'int')
    .replace(/\[\d+\]/, '[]');

/** What commas outside of brackets separate. */
function parts(text: string): string[] {
  const found: string[] = [];
  let [depth, begin] = [0, 0];
  for (let i = 0; i < text.length; i++) {
    const letter = text.charAt(i);
    if ('([{'.includes(letter)) depth++;
    else if (')]}'.includes(letter)) depth--;
    else if (letter === ',' && depth === 0) {
      found.push(text.slice(begin, i).trim());
      begin = i + 1;
    }
  }
  const last = text.slice(begin).trim();
  return last === '' ? found : [...found, last];
}

// Registry: the things of one kind by name, in the order of listings. It is filled where it is made and never changes;
// what the things do is theirs.
import { UsageError } from './errors.js';
import { invariant } from './invariant.js';
import { didYouMean } from './suggest.js';

export interface Named {
  readonly name: string;
}

export class Registry<T extends Named> {
  /** In the order of listings. */
  readonly all: readonly T[];
  readonly #noun: string;
  readonly #byName: ReadonlyMap<string, T>;

  /** `noun` is what one of them is called in messages. Every name is there once. */
  constructor(noun: string, all: readonly T[]) {
    this.all = all;
    this.#noun = noun;
    this.#byName = new Map(all.map((one) => [one.name, one]));
    invariant(this.#byName.size === all.length, () => `two of ${this.names.join(', ')} have one name`);
  }

  get names(): readonly string[] {
    return this.all.map(({ name }) => name);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** The one of that name. Throws a UsageError (PT_USAGE) with the nearest name where there is none. */
  get(name: string): T {
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    throw new UsageError(
      'PT_USAGE',
      `there is no ${this.#noun} "${name}".${didYouMean(name, this.names)}`,
      `There are: ${this.names.join(', ')}.`,
    );
  }
}

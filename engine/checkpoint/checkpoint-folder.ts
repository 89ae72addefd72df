// CheckpointFolder: one checkpoint on its way through its states: writing -> synced -> named -> pruned, or abandoned
// before it has its name. It keeps the order of operations that makes a checkpoint whole or absent after any crash;
// what is in the files is not its business.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { invariant } from '../core/invariant.js';
import { type FileLayer, removeTree } from './file-layer.js';

export type CheckpointState = 'writing' | 'synced' | 'named' | 'pruned' | 'abandoned';

/** What may follow on what. */
const NEXT: Readonly<Record<CheckpointState, readonly CheckpointState[]>> = {
  writing: ['synced', 'abandoned'],
  synced: ['named', 'abandoned'],
  named: ['pruned'],
  pruned: [],
  abandoned: [],
};

/** A file as the manifest records it. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

export const MANIFEST_FILE = 'checkpoint.json';
const PARTIAL = '.partial';
const PRUNED = '.pruned';
/** About what one write of a file takes. */
const GATHERED_BYTES = 1 << 20;
const NAME = /^step-(\d+)(?:-(\d+))?$/;
const LEFTOVER = /^step-\d+(-\d+)?\.(partial|pruned)$/;

export class CheckpointFolder {
  readonly #files: FileLayer;
  readonly #parent: string;
  readonly #name: string;
  #state: CheckpointState;
  #isBusy = false;

  private constructor(files: FileLayer, parent: string, name: string, state: CheckpointState) {
    this.#files = files;
    this.#parent = parent;
    this.#name = name;
    this.#state = state;
  }

  /** A new checkpoint in the folder `parent`, empty so far. Leftovers of writers that died are swept away first. */
  static async begin(files: FileLayer, parent: string, steps: number): Promise<CheckpointFolder> {
    const names = await files.list(parent);
    // What cannot be removed is in nobody's way, unless it has the name that is needed now: then making the folder says
    // so.
    for (const name of names.filter((one) => LEFTOVER.test(one)))
      await removeTree(files, join(parent, name)).catch(() => undefined);
    const folder = new CheckpointFolder(files, parent, freeName(names, steps), 'writing');
    await files.makeFolder(folder.partialPath);
    return folder;
  }

  /** A checkpoint that has its name already. */
  static named(files: FileLayer, parent: string, name: string): CheckpointFolder {
    return new CheckpointFolder(files, parent, name, 'named');
  }

  get state(): CheckpointState {
    return this.#state;
  }

  get name(): string {
    return this.#name;
  }

  /** Where it is, or will be, once it has its name. */
  get path(): string {
    return join(this.#parent, this.#name);
  }

  /** Where it is written. */
  get partialPath(): string {
    return this.path + PARTIAL;
  }

  /** Writes one file and syncs it. The chunks are hashed as they go. */
  async add(name: string, chunks: Iterable<Uint8Array>): Promise<WrittenFile> {
    return this.#exclusively('writing', () => this.#write(name, chunks));
  }

  /**
   * Writes the manifest; from now on all that belongs to the checkpoint is on the disk, under a name that nobody reads.
   */
  async seal(manifest: string): Promise<void> {
    await this.#exclusively('writing', async () => {
      await this.#write(MANIFEST_FILE, [Buffer.from(manifest)]);
      await this.#files.syncFolder(this.partialPath);
      this.#enter('synced');
    });
  }

  /** Gives the checkpoint its name. It counts from the rename on, and for ever once the folder around it is synced. */
  async publish(): Promise<void> {
    await this.#exclusively('synced', async () => {
      await this.#files.rename(this.partialPath, this.path);
      this.#enter('named');
      await this.#files.syncFolder(this.#parent);
    });
  }

  /** Takes the name away, then removes the files: a half-removed checkpoint never has its name. */
  async prune(): Promise<void> {
    await this.#exclusively('named', async () => {
      await this.#files.rename(this.path, this.path + PRUNED);
      this.#enter('pruned');
      await removeTree(this.#files, this.path + PRUNED);
    });
  }

  /** Gives up a checkpoint that has no name yet, and the space it takes. */
  async abandon(): Promise<void> {
    this.#enter('abandoned');
    await removeTree(this.#files, this.partialPath);
  }

  async #write(name: string, chunks: Iterable<Uint8Array>): Promise<WrittenFile> {
    const hash = createHash('sha256');
    let bytes = 0;
    const file = await this.#files.create(join(this.partialPath, name));
    try {
      for (const chunk of gathered(chunks)) {
        hash.update(chunk);
        bytes += chunk.length;
        await file.write(chunk);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return { bytes, sha256: hash.digest('hex') };
  }

  async #exclusively<T>(state: CheckpointState, work: () => Promise<T>): Promise<T> {
    invariant(
      this.#state === state && !this.#isBusy,
      () => `the checkpoint ${this.#name} is ${this.#state}${this.#isBusy ? ' and busy' : ''}, it should be ${state}`,
    );
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  #enter(state: CheckpointState): void {
    invariant(
      NEXT[this.#state].includes(state),
      () => `the checkpoint ${this.#name} is ${this.#state} and cannot become ${state}`,
    );
    this.#state = state;
  }
}

/** Small chunks put together, so that a file of many small tensors is not written in many small pieces. */
function* gathered(chunks: Iterable<Uint8Array>): Iterable<Uint8Array> {
  let small: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes > 0 && bytes + chunk.length > GATHERED_BYTES) {
      yield Buffer.concat(small);
      [small, bytes] = [[], 0];
    }
    if (chunk.length >= GATHERED_BYTES) yield chunk;
    else bytes += (small.push(chunk), chunk.length);
  }
  if (bytes > 0) yield Buffer.concat(small);
}

/** Steps of the checkpoint of that name. */
export const stepOf = (name: string): number => Number(NAME.exec(name)?.[1]);

/** Names of checkpoints among the names in a folder, oldest first. */
export function checkpointNames(names: readonly string[]): string[] {
  const order = (name: string): readonly [number, number] => {
    const [, step, attempt] = NAME.exec(name) ?? [];
    return [Number(step), Number(attempt ?? 1)];
  };
  return names
    .filter((name) => NAME.test(name))
    .map((name) => ({ name, at: order(name) }))
    .sort((a, b) => a.at[0] - b.at[0] || a.at[1] - b.at[1])
    .map(({ name }) => name);
}

/**
 * `step-00000040`, or `step-00000040-2` where that name is taken (the run went back behind it, or it is damaged): a
 * name that counts is never taken away to be given to another checkpoint.
 */
function freeName(taken: readonly string[], steps: number): string {
  const base = `step-${String(steps).padStart(8, '0')}`;
  for (let attempt = 1; ; attempt++) {
    const name = attempt === 1 ? base : `${base}-${attempt}`;
    if (!taken.includes(name)) return name;
  }
}

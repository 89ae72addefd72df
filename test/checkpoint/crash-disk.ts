// A disk in memory that can be cut off: it knows which bytes and names have been synced, and gives every kind of folder
// that a crash may leave behind.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { FileLayer, NewFile } from '../../engine/checkpoint/file-layer.js';

interface FileNode {
  readonly kind: 'file';
  data: Buffer;
  synced: Buffer;
}
interface FolderNode {
  readonly kind: 'folder';
  readonly entries: Map<string, Node>;
  synced: Map<string, Node>;
  /** Changes since the last sync, in order. */
  pending: ((entries: Map<string, Node>) => void)[];
}
type Node = FileNode | FolderNode;

/** What is left of bytes that were written and not synced. */
export type Tearing = 'lost' | 'half' | 'zeros' | 'whole';
/** Which of `count` unsynced changes of a folder are left, the others having never happened. */
export type Loss = (count: number) => readonly number[];

/** The process ended here. */
export class Death extends Error {}

const newFolder = (): FolderNode => ({ kind: 'folder', entries: new Map(), synced: new Map(), pending: [] });
const errno = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });

export class CrashDisk implements FileLayer {
  readonly #path: string;
  readonly #root = newFolder();
  readonly #options: { readonly liesAboutSync?: boolean };
  /** Operations that changed or synced something, by name. */
  readonly operations: string[] = [];
  /** Called before every operation; what it throws, the operation throws. */
  before: (operation: string, index: number) => void = () => undefined;

  /** The disk holds the folder `path` and what is made in it. */
  constructor(path: string, options: { readonly liesAboutSync?: boolean } = {}) {
    this.#path = path;
    this.#options = options;
  }

  async makeFolder(path: string): Promise<void> {
    await this.#operate(`mkdir ${this.#short(path)}`, () => this.#set(path, newFolder()));
  }

  async create(path: string): Promise<NewFile> {
    const node: FileNode = { kind: 'file', data: Buffer.alloc(0), synced: Buffer.alloc(0) };
    await this.#operate(`create ${this.#short(path)}`, () => this.#set(path, node));
    return {
      write: (bytes) =>
        this.#operate(`write ${this.#short(path)}`, () => {
          node.data = Buffer.concat([node.data, bytes]);
        }),
      sync: () =>
        this.#operate(`fsync ${this.#short(path)}`, () => {
          if (this.#options.liesAboutSync !== true) node.synced = node.data;
        }),
      close: () => Promise.resolve(),
    };
  }

  async syncFolder(path: string): Promise<void> {
    await this.#operate(`fsync ${this.#short(path)}/`, () => {
      if (this.#options.liesAboutSync !== true) this.#sync(this.#folder(path));
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operate(`rename ${this.#short(from)} ${this.#short(to)}`, () => {
      const node = this.#find(from);
      const [parent, source] = this.#parentOf(from);
      const [, target] = this.#parentOf(to);
      const replaced = parent.entries.get(target);
      if (replaced?.kind === 'folder' && replaced.entries.size > 0) throw errno('ENOTEMPTY', to);
      this.#change(parent, (entries) => {
        entries.delete(source);
        entries.set(target, node);
      });
    });
  }

  async removeFile(path: string): Promise<void> {
    await this.#operate(`unlink ${this.#short(path)}`, () => this.#remove(path));
  }

  async removeFolder(path: string): Promise<void> {
    await this.#operate(`rmdir ${this.#short(path)}`, () => {
      if (this.#folder(path).entries.size > 0) throw errno('ENOTEMPTY', path);
      this.#remove(path);
    });
  }

  list(path: string): Promise<string[]> {
    const node = this.#find(path);
    return node.kind === 'folder' ? Promise.resolve([...node.entries.keys()]) : Promise.reject(errno('ENOTDIR', path));
  }

  /** Everything so far is on the disk. */
  settle(node: FolderNode = this.#root): void {
    this.#sync(node);
    for (const child of node.entries.values()) {
      if (child.kind === 'folder') this.settle(child);
      else child.synced = child.data;
    }
  }

  /** What a crash at this moment leaves, as the bytes of every file by its path. */
  afterCrash(tearing: Tearing, loss: Loss): Map<string, Buffer> {
    const left = new Map<string, Buffer>();
    const visit = (folder: FolderNode, path: string): void => {
      const entries = new Map(folder.synced);
      for (const index of loss(folder.pending.length)) folder.pending[index]?.(entries);
      for (const [name, node] of entries) {
        if (node.kind === 'folder') visit(node, join(path, name));
        else left.set(join(path, name), torn(node, tearing));
      }
    };
    visit(this.#root, '');
    return left;
  }

  async #operate(name: string, work: () => void): Promise<void> {
    this.before(name, this.operations.length);
    work();
    this.operations.push(name);
    await Promise.resolve();
  }

  #change(folder: FolderNode, change: (entries: Map<string, Node>) => void): void {
    change(folder.entries);
    folder.pending.push(change);
  }

  #set(path: string, node: Node): void {
    const [parent, name] = this.#parentOf(path);
    if (parent.entries.has(name)) throw errno('EEXIST', path);
    this.#change(parent, (entries) => void entries.set(name, node));
  }

  #remove(path: string): void {
    const [parent, name] = this.#parentOf(path);
    this.#change(parent, (entries) => void entries.delete(name));
  }

  #sync(folder: FolderNode): void {
    folder.synced = new Map(folder.entries);
    folder.pending = [];
  }

  #parentOf(path: string): [FolderNode, string] {
    const at = path.lastIndexOf('/');
    return [this.#folder(path.slice(0, at)), path.slice(at + 1)];
  }

  #folder(path: string): FolderNode {
    const node = this.#find(path);
    if (node.kind !== 'folder') throw errno('ENOTDIR', path);
    return node;
  }

  #find(path: string): Node {
    let node: Node = this.#root;
    for (const name of relative(this.#path, path).split('/').filter(Boolean)) {
      const next: Node | undefined = node.kind === 'folder' ? node.entries.get(name) : undefined;
      if (next === undefined) throw errno('ENOENT', path);
      node = next;
    }
    return node;
  }

  #short(path: string): string {
    return relative(this.#path, path);
  }
}

function torn({ data, synced }: FileNode, tearing: Tearing): Buffer {
  const rest = data.length - synced.length;
  if (tearing === 'lost') return synced;
  if (tearing === 'half') return data.subarray(0, synced.length + Math.floor(rest / 2));
  return tearing === 'zeros' ? Buffer.concat([synced, Buffer.alloc(rest)]) : data;
}

/** Puts files where programs can read them. */
export function materialize(files: ReadonlyMap<string, Buffer>, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, bytes] of files) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

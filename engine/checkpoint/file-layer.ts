// FileLayer: everything that the writing of a checkpoint asks of a file system, one small operation at a time. Whoever
// writes checkpoints uses nothing else, so a test can end the process between any two operations. It knows nothing of
// checkpoints.
import { mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';

/** A file that did not exist before. */
export interface NewFile {
  /** Appends all the bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Errors are those of the system, with its `code` (ENOSPC, EACCES, EIO ...). */
export interface FileLayer {
  /** One new folder; its parent exists. */
  makeFolder(path: string): Promise<void>;
  /** A new file; rejects with EEXIST where there is one. */
  create(path: string): Promise<NewFile>;
  /** Resolves when the names in a folder are on the disk: a new, renamed or removed entry may be lost before. */
  syncFolder(path: string): Promise<void>;
  /** Gives a file or folder a new name, at once and as a whole. */
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** An empty folder. */
  removeFolder(path: string): Promise<void>;
  /** Names in a folder. */
  list(path: string): Promise<string[]>;
}

/** The file system of this machine. */
export const realFiles: FileLayer = {
  makeFolder: (path) => mkdir(path),
  rename: (from, to) => rename(from, to),
  removeFile: (path) => unlink(path),
  removeFolder: (path) => rmdir(path),
  list: (path) => readdir(path),
  async create(path) {
    const file = await open(path, 'wx');
    return {
      async write(bytes) {
        for (let done = 0; done < bytes.length;)
          done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
      },
      sync: () => file.sync(),
      close: () => file.close(),
    };
  },
  async syncFolder(path) {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** Removes a folder of files, or a file. What is gone already is fine. */
export async function removeTree(files: FileLayer, path: string): Promise<void> {
  let names: string[];
  try {
    names = await files.list(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') return;
    if (code !== 'ENOTDIR') throw error;
    return files.removeFile(path);
  }
  for (const name of names) await removeTree(files, `${path}/${name}`);
  await files.removeFolder(path);
}

/** The system's code of an error (ENOSPC ...), or null. */
export function errnoOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

// OwnFile: a file or a folder that is this user's alone. Whoever can write what this process maps, runs or removes is
// this user; so what belongs to somebody else, is a link, or may be written by others is refused, however it came to
// have the name.
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from 'node:fs';

/** Others may write. */
const WRITABLE = 0o022;
/** Others may do anything at all. */
const REACHABLE = 0o077;

/** The user of this process, or null on systems that have no numbers for users. */
const ownUser = (): number | null => process.geteuid?.() ?? null;

/**
 * Opens a file that is there already, or makes it where `flags` say so. A link is not followed, a pipe is not waited
 * for, and what is no plain file of this user that others cannot write is closed again. Throws the error of the system,
 * or an Error that says why the file is refused.
 */
export function openOwn(path: string, flags: number, mode = 0o600): number {
  const file = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  const problem = problemOf(fstatSync(file), 'file', WRITABLE);
  if (problem === null) return file;
  closeSync(file);
  throw new Error(`${path} ${problem}`);
}

/** Why a folder is not this user's alone, or null. Throws where there is none. */
export const foreignFolder = (path: string): string | null => problemOf(lstatSync(path), 'folder', REACHABLE);

/** Why others could have put something into a folder, or null; they may look into it. Throws where there is none. */
export const writableFolder = (path: string): string | null => problemOf(lstatSync(path), 'folder', WRITABLE);

/** Whether a link was made by this user; false where there is no link. */
export function isOwnLink(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isSymbolicLink() === true && isOwn(stat);
}

function problemOf(stat: Stats, kind: 'file' | 'folder', forbidden: number): string | null {
  if (stat.isSymbolicLink()) return 'is a link';
  if (!(kind === 'file' ? stat.isFile() : stat.isDirectory())) return `is no ${kind === 'file' ? 'plain file' : kind}`;
  if (!isOwn(stat)) return `belongs to user ${stat.uid}, this process to user ${ownUser()}`;
  // Without users there are no such modes either.
  if (ownUser() === null || (stat.mode & forbidden) === 0) return null;
  const can = forbidden === WRITABLE ? 'be written by' : 'be reached by';
  return `can ${can} others than its owner (mode ${(stat.mode & 0o7777).toString(8)})`;
}

const isOwn = ({ uid }: Stats): boolean => ownUser() === null || uid === ownUser();

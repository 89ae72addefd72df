// LocalSocket: the way to another process of this user on this host: a socket in a folder that nobody else can enter.
// Whoever reaches it could stop the process as well, so no stranger ever stands in its queue. It is a place, not a
// connection: listen.ts and dial.ts make those.
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the system keeps of the path of a socket; a longer one would be cut, and mean another file. */
const MAX_PATH_BYTES = 103;
const SUFFIX = '.sock';
/** Others may do anything at all. */
const REACHABLE = 0o077;

/** Where the process of that name is reached, or null where the folder cannot hold a socket. */
export function localSocketPath(folder: string, name: string): string | null {
  const path = join(folder, `${name}${SUFFIX}`);
  return process.platform === 'win32' || Buffer.byteLength(path) > MAX_PATH_BYTES ? null : path;
}

/** Whether a socket is there, of this user and in a folder that is this user's alone. */
export function isOwnSocket(path: string): boolean {
  const user = process.geteuid?.();
  const socket = lstatSync(path, { throwIfNoEntry: false });
  const folder = lstatSync(dirname(path), { throwIfNoEntry: false });
  if (socket === undefined || folder === undefined || !path.endsWith(SUFFIX)) return false;
  return (
    socket.isSocket() &&
    folder.isDirectory() &&
    (folder.mode & REACHABLE) === 0 &&
    socket.uid === user &&
    folder.uid === user
  );
}

// ThisUser: the folder for what outlives runs and the key of the user of this process: those of the command, so that
// programs and commands know each other's runs. Of the environment nothing else is read for a run, and nothing changed.
import { env } from 'node:process';
import { OwnKey } from '../run/own-key.js';
import { ownKeyFolder, standardCacheFolder } from '../session/own-folders.js';

/** The key, or null where there is none. */
export function ownKey(): OwnKey | null {
  const folder = ownKeyFolder(env);
  return folder === null ? null : OwnKey.open(folder);
}

/** The folder, where there is one. */
export const cacheFolder = (): { readonly cacheFolder?: string } => standardCacheFolder(env);

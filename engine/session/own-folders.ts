// The folders for what may be deleted at any time, by the conventions of the platform. It creates nothing.
import { isAbsolute, join } from 'node:path';

/**
 * `pipetrain/programs` below XDG_CACHE_HOME, else in the usual place below the home folder (LOCALAPPDATA on Windows);
 * nothing where there is neither.
 */
export function standardCacheFolder(env: Environment): { readonly cacheFolder?: string } {
  const base = cacheBase(env);
  return base === null ? {} : { cacheFolder: join(base, 'pipetrain', 'programs') };
}

/** Where the key of this user lies (engine/run/own-key.ts), beside the programs, or null. Without it, more is asked. */
export function ownKeyFolder(env: Environment): string | null {
  const base = cacheBase(env);
  return base === null ? null : join(base, 'pipetrain', 'own');
}

type Environment = Readonly<Record<string, string | undefined>>;

function cacheBase(env: Environment): string | null {
  const { XDG_CACHE_HOME: wanted = '', LOCALAPPDATA: local = '', HOME: home = '' } = env;
  // The specification says that relative paths are to be ignored.
  return isAbsolute(wanted) ? wanted : isAbsolute(local) ? local : isAbsolute(home) ? join(home, '.cache') : null;
}

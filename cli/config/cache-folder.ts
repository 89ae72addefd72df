// The folder for what may be deleted at any time, by the conventions of the platform. It creates nothing.
import { isAbsolute, join } from 'node:path';

/**
 * `pipetrain/programs` below XDG_CACHE_HOME, else in the usual place below the home folder (LOCALAPPDATA on Windows);
 * nothing where there is neither.
 */
export function standardCacheFolder(env: Readonly<Record<string, string | undefined>>): {
  readonly cacheFolder?: string;
} {
  const { XDG_CACHE_HOME: wanted = '', LOCALAPPDATA: local = '', HOME: home = '' } = env;
  // The specification says that relative paths are to be ignored.
  const base = isAbsolute(wanted) ? wanted : isAbsolute(local) ? local : isAbsolute(home) ? join(home, '.cache') : null;
  return base === null ? {} : { cacheFolder: join(base, 'pipetrain', 'programs') };
}

// The key of the user of a command, by which it knows again what it has written itself.
import { OwnKey } from '../../engine/run/own-key.js';
import { ownKeyFolder } from '../../engine/session/own-folders.js';
import type { CliIo } from '../console/io.js';

/** Null where there is none. */
export function ownKeyOf({ env }: Pick<CliIo, 'env'>): OwnKey | null {
  const folder = ownKeyFolder(env);
  return folder === null ? null : OwnKey.open(folder);
}

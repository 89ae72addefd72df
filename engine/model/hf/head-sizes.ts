// HeadSizes: whether the heads of attention divide what they share.
import type { ModelFolder } from './model-folder.js';

/** Throws ModelError PT_HF_CONFIG with both numbers where they do not. */
export function requireHeads(folder: ModelFolder, key: string, width: number, headsKey: string, heads: number): void {
  if (width % heads !== 0) throw folder.unsupported(`${key} ${width} is not a multiple of ${headsKey} ${heads}`);
}

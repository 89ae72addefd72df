// Tiles: into how many equal parts a chain of elementwise nodes is cut, so that what one node leaves is still in the
// cache when the next one reads it. The number depends on the shape alone.

/** Elements of a tile: a few vectors of this size fit the second-level cache of a core. */
const TILE_ELEMENTS = 64 * 1024;
/** Below this a tile's own cost, some microseconds, is more than the cache saves. */
const SMALLEST_TILE = 16 * 1024;

/**
 * Number of tiles for `rows` rows of `width` elements: a divisor of `rows`; 1 where tiles would not help or the rows
 * have no fitting divisor.
 */
export function tileCount(rows: number, width: number): number {
  const wanted = Math.ceil((rows * width) / TILE_ELEMENTS);
  if (wanted < 4) return 1;
  for (let count = wanted; count <= rows && (rows / count) * width >= SMALLEST_TILE; count++)
    if (rows % count === 0) return count;
  return 1;
}

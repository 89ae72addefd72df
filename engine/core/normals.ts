// Normals: many draws of `normalAt` at once, to the same bits and in half the time. Logarithm and cosine come from
// tables and short series; where their error could change the 32-bit number that is stored, the draw is made as
// `normalAt` makes it. So the series decide how long it takes, never what comes out.
import { bitsAt, normalAt, type RandomKey } from './random.js';

/** Cells of each table: both fit into the first-level cache. */
const CELLS = 1024;
/** Draws are 24-bit numbers: so many of them share a cell. */
const PER_CELL = 2 ** 14;
const HALF = PER_CELL / 2;
/** Angle of one 24-bit unit of a turn. */
const UNIT = (2 * Math.PI) / 2 ** 24;
/**
 * Radii below it come from a small difference of two logarithms: left to `normalAt`. A thousandth of all draws.
 */
const LEAST_DRAW = 2 ** 14;
/**
 * Most by which a draw here and one of `normalAt` differ before rounding, as a share of the scale: the radius is off by
 * 1e-14 (its logarithm by 4e-15, or 4e-16 where the radius is 0.045), the cosine by 1e-15 times a radius of at most
 * 5.8; six times their sum.
 */
const MOST_OFF = 1e-13;
/** Below it the differences would be lost to the smallest numbers. */
const LEAST_SCALE = 2 ** -100;

/** By cell: the logarithm of its middle, and what makes a distance from there relative. */
const LOGARITHMS = Float64Array.from({ length: 2 * CELLS }, (_, i) => {
  const middle = 2 ** 24 + (i >> 1) * PER_CELL + HALF;
  return i % 2 === 0 ? Math.log(middle / 2 ** 24) : 1 / middle;
});
/** By cell: cosine and sine of its middle. */
const TURNS = Float64Array.from({ length: 2 * CELLS }, (_, i) => {
  const angle = ((i >> 1) * PER_CELL + HALF) * UNIT;
  return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
});

/**
 * Fills out[from, from + n) with `scale` times the standard normals of positions first..first+n-1 of the key, rounded
 * to 32 bits.
 */
export function fillNormal(
  key: RandomKey,
  scale: number,
  out: Float32Array,
  {
    from = 0,
    first = 0,
    n = out.length,
  }: { readonly from?: number; readonly first?: number; readonly n?: number } = {},
): void {
  const off = Math.abs(scale) * MOST_OFF;
  const least = Math.abs(scale) >= LEAST_SCALE ? LEAST_DRAW : Infinity;
  for (let i = 0; i < n; i++) {
    const draw = bitsAt(key, 2 * (first + i)) >>> 8;
    // Its complement has its highest bit moved to place 24: the bits below name the cell and the place in it.
    const rest = 2 ** 24 - draw;
    const places = Math.clz32(rest) - 7;
    const aligned = rest << places;
    const cell = (aligned >>> 13) & (2 * CELLS - 2);
    const part = ((aligned & (PER_CELL - 1)) - HALF) * (LOGARITHMS[cell + 1] as number);
    const minusLog =
      places * Math.LN2 - (LOGARITHMS[cell] as number) - part * (1 - part * (1 / 2 - part * (1 / 3 - part * (1 / 4))));
    const turn = bitsAt(key, 2 * (first + i) + 1) >>> 8;
    const at = (turn >>> 13) & (2 * CELLS - 2);
    const angle = ((turn & (PER_CELL - 1)) - HALF) * UNIT;
    const square = angle * angle;
    const cosine =
      (TURNS[at] as number) * (1 - square * (1 / 2 - square * (1 / 24 - square * (1 / 720)))) -
      (TURNS[at + 1] as number) * angle * (1 - square * (1 / 6 - square * (1 / 120)));
    const value = scale * (Math.sqrt(2 * minusLog) * cosine);
    const rounded = Math.fround(value - off);
    out[from + i] = draw >= least && rounded === Math.fround(value + off) ? rounded : scale * normalAt(key, first + i);
  }
}

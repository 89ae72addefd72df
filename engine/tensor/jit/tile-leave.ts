// TileLeave: the leave of the kernel to use the tiles of AMX, without which an instruction on them ends the process. It
// is given to a process once, for all of its threads.
import { getSystemErrorName } from 'node:util';
import { loadKoffi } from '../native.js';
import { systemCalls } from '../system-calls.js';

const REQUEST_PERMISSION = 0x1023;
const TILE_DATA = 18;

/** Asks for it, as often as one likes; why the kernel refuses, null where it does not. Linux on x64 only. */
export function refusedTiles(): string | null {
  if (systemCalls().archPrctl(REQUEST_PERMISSION, TILE_DATA) === 0) return null;
  return `the kernel gives no leave to use its tiles (arch_prctl: ${getSystemErrorName(-loadKoffi().errno())})`;
}

// The door to native calls: koffi, loaded on first use, and addresses of JavaScript memory. Loaded late, because a
// platform without koffi must still be able to train through the fallback.
import { createRequire } from 'node:module';
import type koffi from 'koffi';

/** An address in native memory. */
export type Pointer = bigint;
export type Koffi = typeof koffi;

const require = createRequire(import.meta.url);

/** The koffi module. Throws where it has no build for this platform. */
export function loadKoffi(): Koffi {
  return require('koffi') as Koffi;
}

/**
 * Address of the first byte behind a view; 0 where there is none. Small typed arrays live on the JavaScript heap and
 * move; asking for `.buffer` puts their elements into memory of their own, for good, so the address is stable as long
 * as the view is referenced.
 */
export function addressOf(view: ArrayBufferView): Pointer {
  const { buffer } = view;
  return buffer.byteLength === 0 ? 0n : loadKoffi().address(view);
}

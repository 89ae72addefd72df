// TraceJson: the file that viewers of traces open (Perfetto, chrome://tracing), piece by piece: it may be longer than
// what one wants to hold in memory.
import { harmlessJson } from '../core/harmless-text.js';
import type { ViewerEvent } from './viewer-event.js';

/** Characters of a piece, about. */
const PIECE = 2 ** 16;

export function* traceJson(entries: Iterable<ViewerEvent>): Generator<string> {
  let piece = '{"displayTimeUnit":"ms","traceEvents":[\n';
  let separator = '';
  for (const entry of entries) {
    piece += `${separator}${harmlessJson(entry)}`;
    separator = ',\n';
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}\n]}\n`;
}

// RunFailure: how a program that fails while it runs is put into words: program, executor, and the call of the graph at
// which it happened where that is known. ONNX Runtime names the node, so nodes of our models have names that lead back
// to the call. Who ran the program, and when, is not known here.
import { ModelError } from '../core/errors.js';
import type { Node } from './graph.js';

/** What is known about a failed run. */
export interface RunFailure {
  /** Name of the program. */
  readonly program: string;
  /** Name of the executor. */
  readonly executor: string;
  /** What the runtime said. */
  readonly reason: string;
  readonly hint: string;
  /** The call of the graph that failed, where the runtime does not name it itself. */
  readonly node?: Pick<Node, 'op' | 'origin'>;
  readonly cause?: unknown;
}

/** The error of a failed run: PT_EXECUTOR, with block and op in its message as far as they are known. */
export function runFailure({ program, executor, reason, hint, node, cause }: RunFailure): ModelError {
  const at = node ?? namedNode(reason);
  const call = at === null ? '' : ` in ${at.origin === undefined ? '' : `${at.origin}, `}op ${at.op}`;
  const message = `Program "${program}" fails on ${executor}${call}: ${reason}`;
  return new ModelError('PT_EXECUTOR', message, hint, cause === undefined ? {} : { cause });
}

/**
 * What the ONNX nodes of a call are named after, e.g. `block 3 (layer2)/GatherV2`; OnnxBuilder adds a number behind a
 * further slash. Ops have no slash in their names.
 */
export const nodeLabel = ({ op, origin }: Node): string => (origin === undefined ? op : `${origin}/${op}`);

/** The call behind the first node that a message of ONNX Runtime names; null where it names none of a call. */
function namedNode(message: string): Pick<Node, 'op' | 'origin'> | null {
  const name = /Name:'(.*?)' Status Message:/s.exec(message)?.[1];
  const parts = name === undefined ? null : /^(?:(.+)\/)?([^/]+)\/\d+$/s.exec(name);
  const op = parts?.[2];
  if (op === undefined) return null;
  const origin = parts?.[1];
  return origin === undefined ? { op } : { op, origin };
}

// RunFailure: how a program that fails while it runs is put into words: program, executor, and the call of the graph at
// which it happened where that is known. ONNX Runtime names the node, so nodes of our models have names that lead back
// to the call. Who ran the program, and when, is not known here.
import { messageOf, ModelError, PipetrainError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import type { Node } from './graph.js';
import { FAR_BELOW } from './ops/emit.js';

const FOREIGN_HINT = 'Run "pipetrain doctor"; if it finds nothing, report this with the model.';

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
  const message = `Program "${program}" fails on ${executor}${call}: ${withPlainIndex(reason)}`;
  return new ModelError('PT_EXECUTOR', message, hint, cause === undefined ? {} : { cause });
}

/**
 * What a run of a program has thrown, as an error for a person or for us. Errors that have a meaning of their own stay
 * what they are; anything else that an executor throws is a failed run like those that it foresees.
 */
export function thrownByRun(error: unknown, program: string): unknown {
  if (error instanceof PipetrainError || error instanceof InvariantError) return error;
  const reason = messageOf(error);
  return new ModelError('PT_EXECUTOR', `Program "${program}" fails: ${reason}`, FOREIGN_HINT, { cause: error });
}

/**
 * The same error with the place where it happened before its message, e.g. `replica 0, stage 2, action 2B3`: of a
 * failed run (PT_EXECUTOR), or of a defect. Any other error means something else and passes unchanged.
 */
export function atPlace(error: unknown, place: string): unknown {
  if (error instanceof PipetrainError && error.code === 'PT_EXECUTOR')
    return new ModelError(error.code, `${place}: ${error.message}`, error.hint, { cause: error });
  if (!(error instanceof InvariantError)) return error;
  const placed = new InvariantError(`${place}: ${error.message}`, { cause: error });
  if (error.stack !== undefined) placed.stack = `${place}: ${error.stack}`;
  return placed;
}

/**
 * What the ONNX nodes of a call are named after, e.g. `block 3 (layer2)/GatherV2`; OnnxBuilder adds a number behind a
 * further slash. Ops have no slash in their names.
 */
export const nodeLabel = ({ op, origin }: Node): string => (origin === undefined ? op : `${origin}/${op}`);

/**
 * The same with a negative index as it was before it was moved away from those that count from the end, and without the
 * range of these.
 */
const withPlainIndex = (reason: string): string =>
  reason
    .replace(/-1\d{9}\b/g, (found) => (Number(found) < FAR_BELOW ? String(Number(found) - FAR_BELOW) : found))
    .replace(/inclusive range \[-\d+,/, 'inclusive range [0,');

/** The call behind the first node that a message of ONNX Runtime names; null where it names none of a call. */
function namedNode(message: string): Pick<Node, 'op' | 'origin'> | null {
  const name = /Name:'(.*?)' Status Message:/s.exec(message)?.[1];
  const parts = name === undefined ? null : /^(?:(.+)\/)?([^/]+)\/\d+$/s.exec(name);
  const op = parts?.[2];
  if (op === undefined) return null;
  const origin = parts?.[1];
  return origin === undefined ? { op } : { op, origin };
}

// RunFailure: how a program that fails while it runs is put into words: program, executor, and the call of the graph at
// which it happened where that is known. ONNX Runtime names the node, so nodes of our models have names that lead back
// to the call. Who ran the program, and when, is not known here.
import { isDeviceShortage } from '../core/conditions.js';
import { messageOf, ModelError, PipetrainError, WorkerError } from '../core/errors.js';
import { InvariantError } from '../core/invariant.js';
import { deviceShortage, shortageText } from './device-shortage.js';
import type { Node } from './graph.js';
import { FAR_BELOW } from './ops/emit.js';

const FOREIGN_HINT = 'Run "pipetrain doctor"; if it finds nothing, report this with the model.';

const MEMORY_HINT = 'Use a smaller --micro-batch, --recompute on, or a longer --pipeline over more devices.';

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

/**
 * The error of a failed run: PT_EXECUTOR, or PT_DEVICE_MEMORY where the device had too little memory, with block and op
 * in its message as far as they are known.
 */
export function runFailure({ program, executor, reason, hint, node, cause }: RunFailure): PipetrainError {
  const at = node ?? namedNode(reason);
  const call = at === null ? '' : ` in ${at.origin === undefined ? '' : `${at.origin}, `}op ${at.op}`;
  const options = cause === undefined ? {} : { cause };
  const shortage = deviceShortage(reason);
  if (shortage !== null)
    return new WorkerError(
      'PT_DEVICE_MEMORY',
      `Program "${program}"${call} ${shortageText(shortage)} (${executor})`,
      MEMORY_HINT,
      options,
    );
  const message = `Program "${program}" fails on ${executor}${call}: ${withPlainIndex(reason)}`;
  return new ModelError('PT_EXECUTOR', message, hint, options);
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

/** The settings of a stage that decide what it takes of a device's memory. */
export interface StageSettings {
  /** Samples. */
  readonly microBatch: number;
  readonly recompute: boolean;
}

/**
 * The same error with the place where it happened before its message, e.g. `replica 0, stage 2, action 2B3`: of a
 * failed run (PT_EXECUTOR, PT_DEVICE_MEMORY), or of a defect. Any other error means something else and passes
 * unchanged.
 */
export function atPlace(error: unknown, place: string, settings?: StageSettings): unknown {
  if (isDeviceShortage(error)) return shortAt(error.message, place, settings, error);
  if (error instanceof PipetrainError && error.code === 'PT_EXECUTOR') {
    // What a device does outside of a program, such as to take in what comes from the host.
    const shortage = deviceShortage(error.message);
    return shortage === null
      ? new ModelError(error.code, `${place}: ${error.message}`, error.hint, { cause: error })
      : shortAt(`it ${shortageText(shortage)}`, place, settings, error);
  }
  if (!(error instanceof InvariantError)) return error;
  const placed = new InvariantError(`${place}: ${error.message}`, { cause: error });
  if (error.stack !== undefined) placed.stack = `${place}: ${error.stack}`;
  return placed;
}

function shortAt(what: string, place: string, settings: StageSettings | undefined, cause: unknown): WorkerError {
  const size = settings === undefined ? '' : ` (micro-batch of ${settings.microBatch})`;
  const hint = settings === undefined ? MEMORY_HINT : smaller(settings);
  return new WorkerError('PT_DEVICE_MEMORY', `${place}${size}: ${what}`, hint, { cause });
}

/** What takes less memory than these settings: what is kept grows with the samples of a micro-batch. */
function smaller({ microBatch, recompute }: StageSettings): string {
  const half = Math.floor(microBatch / 2);
  const ways = [
    ...(half > 0 ? [`--micro-batch ${half}, which halves what is kept (auto finds the fastest that fits)`] : []),
    ...(recompute ? [] : ['--recompute on, which keeps the inputs of a stage alone']),
    'a longer --pipeline over more devices',
  ];
  return `Use ${ways.join('; or ')}.`;
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

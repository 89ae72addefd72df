// Executor protocol: what a ThreadedExecutor and its thread say to each other. Plain data.
import type { MessagePort } from 'node:worker_threads';
import type { ErrorRecord } from '../core/errors.js';
import type { ExecutorOptions } from './executor.js';
import type { Program } from './program.js';
import type { HostArray } from './shape.js';
import type { TfjsKind } from './tfjs-kind.js';

export interface ThreadData {
  readonly kind: TfjsKind;
  readonly options: ExecutorOptions;
  readonly port: MessagePort;
  /**
   * One word: how many requests are answered, or GONE when the thread has ended. An answer is in the port before it is
   * counted.
   */
  readonly state: Int32Array;
}
export const GONE = -1;

/** Inputs and outputs are shared memory: the caller fills the first before a run and reads the second after it. */
export type ThreadRequest =
  | { readonly type: 'open' }
  | {
      readonly type: 'load';
      readonly id: number;
      readonly program: Program;
      readonly inputs: readonly HostArray[];
      readonly outputs: readonly HostArray[];
    }
  | { readonly type: 'run'; readonly id: number }
  | { readonly type: 'free'; readonly id: number };

export type ThreadAnswer = { readonly error: ErrorRecord } | { readonly value: number };

// TrainedRun: a run folder that holds a checkpoint, as a value: what it came to, its weights, and what its model says.
// What programs see of it, without the engine behind.
import type { Summary } from '../events/summary.js';

/** A parameter; `data` has as many numbers as its shape says, in row-major order. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Of a checkpoint on the whole validation set. */
export interface Evaluation {
  readonly checkpoint: string;
  readonly step: number;
  readonly loss: number;
  readonly metric: { readonly name: string; readonly value: number };
  /** Samples of the validation set. */
  readonly samples: number;
}

export interface Predictions {
  readonly checkpoint: string;
  readonly step: number;
  readonly labels: readonly string[];
  /** In the order of the texts. */
  readonly predictions: readonly {
    readonly text: string;
    /** The most probable class, by the name that the data gave it. */
    readonly label: string;
    /** Of every class, in the order of `labels`; they sum to 1. */
    readonly probabilities: readonly number[];
    /** Whether the text was longer than a sample of the run. */
    readonly isCut: boolean;
  }[];
}

export interface GenerationOptions {
  /** Tokens to write. Default: 200. */
  readonly length?: number;
  /** 0 takes the most probable token each time. Default: 1. */
  readonly temperature?: number;
  /** Choose among so many tokens; 0: among all. Default: 0. */
  readonly topK?: number;
  /** Choose among the most probable tokens that together have this share. Default: 1. */
  readonly topP?: number;
  /** Default: 1. */
  readonly seed?: number;
}

export interface Generation {
  readonly checkpoint: string;
  readonly step: number;
  /** What follows on the prompt. */
  readonly text: string;
  /** Tokens that were written. */
  readonly tokens: number;
}

export interface TrainedRun {
  /** As it was given. */
  readonly folder: string;
  /** What summary.json holds: status, metric, losses, times, digests. */
  readonly summary: Summary;
  /** The parameters by their canonical names, as `pipetrain export` writes them; of the checkpoint of `eval`. */
  weights(): Promise<ReadonlyMap<string, Weight>>;
  /** Loss and metric on the whole validation set. */
  evaluate(): Promise<Evaluation>;
  /** The classes of texts, with probabilities, of a run that classifies texts. Rejects with PT_PREDICT for another. */
  predict(texts: readonly string[]): Promise<Predictions>;
  /** What follows on a prompt, of a run of a language model. Rejects with PT_GENERATE for another. */
  generate(prompt: string, options?: GenerationOptions): Promise<Generation>;
}

// ForeignForm: how a model is written for `transformers`: what its config.json says, and where each parameter lies in
// the file of its weights. Models that came in that layout have one; it reads no weights and writes no files.
import type { Shape } from '../tensor/shape.js';

/** Where a parameter lies in the file of another program. */
export interface ForeignPlace {
  readonly name: string;
  /** Of the tensor there. It may have axes of 1 more, or rows in front that no sample reads, which are zero. */
  readonly shape: Shape;
  /** Whether [inputs, outputs] here are [outputs, inputs, ...] there. */
  readonly isTransposed: boolean;
  /** Numbers in front of those of the parameter; 0 where it is the whole tensor. */
  readonly skipped: number;
}

export type ForeignForm =
  | {
      /** The folder that the model was read from, where the files of its tokenizer are. */
      readonly folder: string;
      /** The settings, but for the names of the classes and the type of the numbers. */
      readonly config: Readonly<Record<string, unknown>>;
      /** Whether it tells classes apart, which have names. */
      readonly isClassifier: boolean;
      /** Tokens of a sample at most; null where samples are no texts. */
      readonly sequence: number | null;
    }
  | {
      /** Why no class of `transformers` computes this. */
      readonly lacks: string;
      readonly remedy: string;
    };

/** Of a model for a task that is not written yet. */
export const withoutForm = (task: string): ForeignForm => ({
  lacks: `it was trained for ${task}`,
  remedy:
    'Of folders, models that tell texts or images apart and language models are written; use --format safetensors.',
});

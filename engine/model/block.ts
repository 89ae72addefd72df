// Block: the smallest piece of a model that may move between workers: an embedding, one attention sub-layer, one MLP
// sub-layer, a head. A block never splits a residual branch. It declares its parameters; it does not hold them.
import type { Tensor } from '@tensorflow/tfjs-core';
import { present } from '../core/invariant.js';
import type { Precision } from '../core/precision.js';
import type { PortDType, Shape } from '../tensor/shape.js';
import type { FloatRange } from './float-range.js';
import type { ForeignForm, ForeignPlace } from './foreign-form.js';
import type { ModelPlaces } from './model-places.js';
import type { OutcomeKind } from './outcome-kind.js';

/** How a parameter starts. Numbers come from the counter-based generator, so every worker draws the same. */
export type Init =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  /** Normal with mean 0 and the given standard deviation. */
  | { readonly kind: 'normal'; readonly std: number }
  /** Uniform in [-limit, limit]. */
  | { readonly kind: 'uniform'; readonly limit: number }
  /** Those of a pretrained model. Whoever starts the block reads this range of the file and no other. */
  | { readonly kind: 'file'; readonly range: FloatRange };

export interface ParamSpec {
  readonly shape: Shape;
  readonly init: Init;
  /** Whether weight decay applies (matrices yes; biases, gains and embeddings of positions no). */
  readonly decay: boolean;
  /** The parameter of an earlier block that this one is (shared-parameters.ts). Absent where it is one of its own. */
  readonly sharedWith?: ParamPlace;
  /** Where it lies in the files of `transformers`, of a model that came in their layout. */
  readonly foreign?: ForeignPlace;
}

/** A parameter by the names of its block and its own. */
export interface ParamPlace {
  readonly block: string;
  readonly param: string;
}

/** What a block's forward may ask for, besides its input and its parameters. */
export interface BlockContext {
  /**
   * A field of the data set for this micro-batch, first axis B: `image` [B,H,W], `tokens` [B,T] int32, `mask` [B,T],
   * `label` [B] int32 ...
   */
  field(name: string): Tensor;
  /**
   * Inverted dropout: zeroes elements with probability `rate`, scales the rest by 1/(1-rate); the identity when not
   * training. `tag` tells the dropouts of one block apart.
   */
  dropout(x: Tensor, rate: number, tag: string): Tensor;
  /** False for evaluation and for frozen blocks. */
  readonly isTraining: boolean;
  /** For the loss: the share of a target that goes to all classes; 0 or absent in evaluation, and by default. */
  readonly labelSmoothing?: number;
}

export type BlockKind = 'embedding' | 'attention' | 'mlp' | 'head' | 'other';

export interface Block {
  /** Unique within the model; letters, digits, `.`, `-`, `_`. Part of the canonical parameter names. */
  readonly name: string;
  readonly kind: BlockKind;
  /** The transformer layer it belongs to (0-based), or null for what lies before and behind the layers. */
  readonly layer: number | null;
  readonly params: Readonly<Record<string, ParamSpec>>;
  /**
   * The parameters that close its residual branch: where all of them are zero, the block gives back its input. Not to
   * be given where it does not.
   */
  readonly closing?: readonly string[];
  /** `fp32`: computed in float32 in a bf16 run too, its output and the gradient it gives included. */
  readonly precision?: 'fp32';
  /**
   * `x` is null for the first block, which reads its input from the context. All axes of the result but the first are
   * per sample.
   */
  forward(x: Tensor | null, params: Readonly<Record<string, Tensor>>, context: BlockContext): Tensor;
}

/** What the metrics of the engine are made of. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Numbers of a sample. */
  readonly width: number;
  /** [B, width] from the output of the last block. */
  of(y: Tensor, context: BlockContext): Tensor;
}

/** A model: blocks in order, and what the output of the last one is worth. */
export interface Model {
  readonly name: string;
  readonly blocks: readonly Block[];
  /** Loss of every sample, shape [B] (for language models the mean over the sample's tokens). */
  loss(y: Tensor, context: BlockContext): Tensor;
  /** Score of every sample, shape [B], e.g. 1 where the class is right; null where the metric is the loss itself. */
  readonly score: ((y: Tensor, context: BlockContext) => Tensor) | null;
  readonly metric: { readonly name: string; readonly higherIsBetter: boolean };
  /** What the metrics of the engine are made of (`--metrics`); default: `loss` and the model's own metric alone. */
  readonly outcome?: Outcome;
  /** In which numbers the run computes; default: fp32. A setting of the run, not to be given by a model file. */
  readonly precision?: Precision;
  /** What the context of the loss says in training; default: 0. A setting of the run, too. */
  readonly labelSmoothing?: number;
  /** What was decided about it, such as where its head comes from: one sentence each, told when a run starts. */
  readonly notes?: readonly string[];
  /** What looks wrong about it beside these data: one sentence each, told when a run starts. */
  readonly doubts?: readonly string[];
  /** How it is written for `transformers`; absent where it did not come in that layout. */
  readonly foreign?: ForeignForm;
  /** Where its lines stand, for messages; of a model that was loaded from a file. Not to be given by hand. */
  readonly places?: ModelPlaces;
}

/** Whether block `index` computes with bfloat16. */
export const isRounded = ({ precision, blocks }: Model, index: number): boolean =>
  precision === 'bf16' && present(blocks[index], `block ${index}`).precision !== 'fp32';

/** Element type in which the output of block `index` goes to the block above, which is not there for the last one. */
export const activationDtype = (model: Model, index: number): PortDType =>
  isRounded(model, index) && index < model.blocks.length - 1 ? 'bfloat16' : 'float32';

/** Element type in which block `index` gives the gradient of its input to the block below. */
export const gradientDtype = (model: Model, index: number): PortDType =>
  isRounded(model, index) ? 'bfloat16' : 'float32';

/** Canonical name of a parameter; their order as strings is the order of the blocks. */
export const parameterName = (blockIndex: number, block: Block, param: string): string =>
  `${String(blockIndex).padStart(4, '0')}.${block.name}.${param}`;

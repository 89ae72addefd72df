// Program: a graph with named, ordered inputs and outputs; the unit that an executor loads. It knows shapes and roles
// of its ports, not where their buffers are.
import type { Graph, ValueId } from './graph.js';
import type { PortDType, Shape } from './shape.js';

/** What a port of a stage's program stands for; buffers are bound by role. */
export type PortRole =
  /** The activation that crosses the stage border: the input of a forward, or its output. */
  | { readonly kind: 'activation' }
  /**
   * Gradient of the loss with respect to that activation: input of a backward (upper border) or its output (lower
   * border).
   */
  | { readonly kind: 'gradient' }
  /**
   * A field of the data set (`image`, `tokens`, `label` ...) for one micro-batch, or the sample weights (`#weight`,
   * [B]).
   */
  | { readonly kind: 'field'; readonly name: string }
  /** A parameter of a block. */
  | { readonly kind: 'param'; readonly block: number; readonly name: string }
  /** The bfloat16 copy of a parameter, which products of a bf16 run read. */
  | { readonly kind: 'rounded'; readonly block: number; readonly name: string }
  /** Gradient with respect to a parameter. */
  | { readonly kind: 'paramGrad'; readonly block: number; readonly name: string }
  /** Gradients of the rows of a parameter that were read, one for each number of the field that names them. */
  | { readonly kind: 'rowGrad'; readonly block: number; readonly name: string }
  /** A tensor that the forward leaves for the backward; `id` is unique within the stage. */
  | { readonly kind: 'saved'; readonly id: number }
  /** A tensor that the input half of a split backward leaves for the weight half; `id` is unique within the stage. */
  | { readonly kind: 'carried'; readonly id: number }
  /** Uniform numbers in [0, 1) for dropout; filled by the engine, keyed by (seed, step, sample, block, tag). */
  | { readonly kind: 'noise'; readonly block: number; readonly tag: string }
  /** Weighted sum of the losses of the samples, shape []. */
  | { readonly kind: 'loss' }
  /** Losses of the samples, [B]. */
  | { readonly kind: 'losses' }
  /** Scores of the samples, [B]. */
  | { readonly kind: 'scores' }
  /** What metrics are made of, [B, W]. */
  | { readonly kind: 'outcome' }
  /** Anything else, by name (single-op programs, optimizers, tests). */
  | { readonly kind: 'plain'; readonly name: string };

export interface Port {
  readonly role: PortRole;
  readonly value: ValueId;
  readonly shape: Shape;
  readonly dtype: PortDType;
}

export interface Program {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/** A readable and unique text of a role, e.g. `param 3/wq`; used for names inside ONNX and in messages. */
export function roleName(role: PortRole): string {
  switch (role.kind) {
    case 'activation':
    case 'gradient':
    case 'loss':
    case 'losses':
    case 'scores':
    case 'outcome':
      return role.kind;
    case 'field':
    case 'plain':
      return `${role.kind} ${role.name}`;
    case 'param':
    case 'rounded':
    case 'paramGrad':
    case 'rowGrad':
      return `${role.kind} ${role.block}/${role.name}`;
    case 'noise':
      return `noise ${role.block}/${role.tag}`;
    case 'saved':
    case 'carried':
      return `${role.kind} ${role.id}`;
  }
}

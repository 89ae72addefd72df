// TracingContext: what a block sees as its context while it is traced. Fields and noise become inputs of the graph when
// they are asked for.
import { ModelError } from '../core/errors.js';
import type { DataInfo, FieldSpec } from '../data/dataset.js';
import type { ValueId } from '../tensor/graph.js';
import { dropout } from '../tensor/nn.js';
import type { PortRole } from '../tensor/program.js';
import type { Shape } from '../tensor/shape.js';
import type { Tensor } from '../tensor/tf.js';
import type { TraceSession } from '../tensor/trace.js';
import type { BlockContext } from './block.js';

/** Weights of the samples of a micro-batch, [B]; 0 for padding. */
export const WEIGHT_FIELD: FieldSpec = { name: '#weight', shape: [], dtype: 'float32' };

export interface ContextOptions {
  /** Names the model and the block in messages. */
  readonly label: string;
  readonly data: DataInfo;
  readonly microBatch: number;
  /** Index of the block; noise is keyed by it. */
  readonly block: number;
  readonly isTraining: boolean;
  readonly labelSmoothing: number;
}

export class TracingContext implements BlockContext {
  readonly isTraining: boolean;
  readonly labelSmoothing: number;
  /** Roles of the inputs that were asked for, in order. */
  readonly roles: PortRole[] = [];
  readonly #options: ContextOptions;
  readonly #session: TraceSession;
  readonly #fields = new Map<string, ValueId>();
  readonly #tags = new Set<string>();

  constructor(options: ContextOptions, session: TraceSession) {
    this.isTraining = options.isTraining;
    this.labelSmoothing = options.labelSmoothing;
    this.#options = options;
    this.#session = session;
  }

  field(name: string): Tensor {
    const { label, data, microBatch } = this.#options;
    let value = this.#fields.get(name);
    if (value === undefined) {
      const fields = [...data.fields, WEIGHT_FIELD];
      const spec = fields.find((field) => field.name === name);
      if (spec === undefined)
        throw new ModelError(
          'PT_FIELD_UNKNOWN',
          `${label} reads the field "${name}", the data has ` +
            `${data.fields.map((field) => `"${field.name}"`).join(', ')}`,
          'Choose data that fits the model, or read a field that exists.',
        );
      value = this.#input({ kind: 'field', name }, [microBatch, ...spec.shape], spec.dtype);
      this.#fields.set(name, value);
    }
    return this.#session.tensor(value);
  }

  dropout(x: Tensor, rate: number, tag: string): Tensor {
    const { label, block } = this.#options;
    if (!(rate >= 0 && rate < 1))
      throw new ModelError(
        'PT_DROPOUT',
        `${label}: dropout rate ${rate} of "${tag}" is not in [0, 1)`,
        'Use a rate from 0 up to, but without, 1.',
      );
    if (this.#tags.has(tag))
      throw new ModelError(
        'PT_DROPOUT',
        `${label} uses the dropout tag "${tag}" twice`,
        'Give each dropout of a block a tag of its own; equal tags would drop the same elements.',
      );
    this.#tags.add(tag);
    if (!this.isTraining || rate === 0) return x;
    return dropout(x, this.#session.tensor(this.#input({ kind: 'noise', block, tag }, x.shape, 'float32')), rate);
  }

  #input(role: PortRole, shape: Shape, dtype: 'float32' | 'int32'): ValueId {
    this.roles.push(role);
    return this.#session.input({ shape, dtype });
  }
}

// BlockGraph: one block, or the loss behind the last one, traced on its own for one micro-batch shape. Stages are
// stitched from these, so that what a block computes cannot depend on its neighbours.
import { messageOf, ModelError, PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { DataInfo } from '../data/dataset.js';
import type { Graph, ValueId } from '../tensor/graph.js';
import type { PortRole } from '../tensor/program.js';
import type { Shape } from '../tensor/shape.js';
import * as tf from '../tensor/tf.js';
import { trace, traceGradients, type TraceSession, UndefinedGradientError } from '../tensor/trace.js';
import type { BlockContext, Model } from './block.js';
import { ModelPlaces } from './model-places.js';
import { type ContextOptions, TracingContext, WEIGHT_FIELD } from './tracing-context.js';

export interface BlockGraph {
  readonly graph: Graph;
  /** Inputs by what they stand for; `activation` is the output of the block before. */
  readonly inputs: readonly { readonly role: PortRole; readonly value: ValueId }[];
  readonly output: ValueId;
  readonly outputShape: Shape;
  readonly backward: {
    readonly numForwardNodes: number;
    /** The gradient that comes in, with the shape of the output. */
    readonly dy: ValueId;
    /** Gradient of the activation (role `gradient`; absent for the first block) and of the parameters. */
    readonly gradients: readonly { readonly role: PortRole; readonly value: ValueId }[];
  } | null;
}

/** Where graphs are kept under a name; `trace` makes one that is not there. */
export interface TraceShelf {
  get(name: string, trace: () => BlockGraph): BlockGraph;
}

export interface BlockTraceOptions {
  readonly model: Model;
  readonly data: DataInfo;
  readonly microBatch: number;
  readonly isTraining: boolean;
  /** Where graphs that are known already are found. */
  readonly traces?: TraceShelf | undefined;
}

interface Body {
  readonly label: string;
  readonly block: number;
  readonly inputs: readonly { readonly role: PortRole; readonly shape: Shape }[];
  readonly run: (tensors: readonly tf.Tensor[], context: BlockContext) => tf.Tensor;
}

const differentiable: Partial<Record<PortRole['kind'], true>> = { activation: true, param: true };
const gradientRole = (role: PortRole): PortRole =>
  role.kind === 'param' ? { ...role, kind: 'paramGrad' } : { kind: 'gradient' };

/** Traces block `index`; `inputShape` is the shape of the activation it receives, null for the first block. */
export function traceBlock(options: BlockTraceOptions, index: number, inputShape: Shape | null): BlockGraph {
  return known(options, `block ${index} [${inputShape?.join() ?? ''}]`, () =>
    traceNewBlock(options, index, inputShape),
  );
}

/** What evaluation tells of every sample: losses and scores [B], and the outcome [B, W]. */
export const STATISTICS = ['losses', 'scores', 'outcome'] as const;
/** What stands behind the last block: a scalar in training, the weighted sum of the losses, or what is told. */
export type ObjectiveKind = 'loss' | (typeof STATISTICS)[number];

/** Traces what stands behind the last block. */
export function traceObjective(options: BlockTraceOptions, kind: ObjectiveKind, inputShape: Shape): BlockGraph {
  return known(options, `${kind} [${inputShape.join()}]`, () => traceNewObjective(options, kind, inputShape));
}

function known(
  { traces, microBatch, isTraining }: BlockTraceOptions,
  what: string,
  trace: () => BlockGraph,
): BlockGraph {
  return traces === undefined
    ? trace()
    : traces.get(`${what} of ${microBatch}, ${isTraining ? 'training' : 'evaluation'}`, trace);
}

function traceNewBlock(options: BlockTraceOptions, index: number, inputShape: Shape | null): BlockGraph {
  const { model, microBatch } = options;
  const block = present(model.blocks[index], `block ${index} of ${model.name}`);
  const label = `Model ${model.name}, block ${block.name}`;
  const params = Object.entries(block.params);
  const activation = inputShape === null ? [] : [{ role: { kind: 'activation' } as const, shape: inputShape }];
  return traceBody(options, {
    label,
    block: index,
    inputs: [
      ...activation,
      ...params.map(([name, { shape }]) => ({ role: { kind: 'param', block: index, name } as const, shape })),
    ],
    run: (tensors, context) => {
      const x = inputShape === null ? null : present(tensors[0], 'the activation');
      const given = Object.fromEntries(
        params.map(([name], i) => [name, present(tensors[i + activation.length], name)]),
      );
      return checked(block.forward(x, given, context), label, microBatch, null);
    },
  });
}

function traceNewObjective(options: BlockTraceOptions, kind: ObjectiveKind, inputShape: Shape): BlockGraph {
  const { model, microBatch } = options;
  const label = `Model ${model.name}, ${kind}`;
  const objective = (y: tf.Tensor, context: BlockContext): tf.Tensor => {
    if (kind === 'loss' || kind === 'losses') return model.loss(y, context);
    return kind === 'scores'
      ? present(model.score, 'the score')(y, context)
      : present(model.outcome, 'the outcome').of(y, context);
  };
  const rest = kind === 'outcome' ? [present(model.outcome, 'the outcome').width] : [];
  return traceBody(options, {
    label,
    block: model.blocks.length,
    inputs: [{ role: { kind: 'activation' }, shape: inputShape }],
    run: ([y], context) => {
      const perSample = checked(objective(present(y, 'the output'), context), label, microBatch, rest);
      if (kind !== 'loss') return perSample;
      return tf.sum(tf.mul(context.field(WEIGHT_FIELD.name), perSample));
    },
  });
}

function traceBody(options: BlockTraceOptions, { label, block, inputs, run }: Body): BlockGraph {
  const contextOptions: ContextOptions = {
    label,
    block,
    data: options.data,
    microBatch: options.microBatch,
    isTraining: options.isTraining,
    labelSmoothing: options.isTraining ? (options.model.labelSmoothing ?? 0) : 0,
  };
  const roles = inputs.map(({ role }) => role);
  /** Of what the body asks its context for; a custom gradient asks after the forward has returned. */
  let asked: readonly PortRole[] = [];
  const call = (tensors: readonly tf.Tensor[], session: TraceSession): tf.Tensor => {
    const context = new TracingContext(contextOptions, session);
    asked = context.roles;
    return run(tensors, context);
  };
  const specs = inputs.map(({ shape }) => ({ shape, dtype: 'float32' as const }));
  const withRoles = (values: readonly ValueId[]): BlockGraph['inputs'] =>
    values.map((value, i) => ({ role: present([...roles, ...asked][i], `role ${i}`), value }));
  const record = (): BlockGraph => {
    if (!options.isTraining) {
      const { graph, inputs: values, outputs } = trace(label, specs, (tensors, session) => [call(tensors, session)]);
      const output = present(outputs[0], 'the output');
      return {
        graph,
        inputs: withRoles(values),
        output,
        outputShape: present(graph.values[output], 'the output').shape,
        backward: null,
      };
    }
    const wrt = roles.flatMap(({ kind }, i) => (differentiable[kind] === true ? [i] : []));
    const traced = traceGradients(label, specs, call, wrt);
    const { graph, output, dy, numForwardNodes } = traced;
    const gradients = wrt.map((i, k) => ({
      role: gradientRole(present(roles[i], `role ${i}`)),
      value: present(traced.gradients[k], `gradient ${k}`),
    }));
    const outputShape = present(graph.values[output], 'the output').shape;
    return {
      graph,
      inputs: withRoles(traced.inputs),
      output,
      outputShape,
      backward: { numForwardNodes, dy, gradients },
    };
  };
  try {
    return ModelPlaces.remembering(record);
  } catch (error) {
    const known = error instanceof PipetrainError ? error : threw(label, error);
    const place = ModelPlaces.remembering(() =>
      placeOf(options.model, error, (stopsAt) => {
        trace(label, specs, (tensors, session) => [call(tensors, session)], stopsAt);
      }),
    );
    throw place === null ? known : at(known, label, place);
  }
}

const threw = (label: string, error: unknown): ModelError =>
  new ModelError(
    'PT_MODEL_THREW',
    `${label} threw: ${messageOf(error)}`,
    'The model definition fails while it is traced; correct it and try again.',
    { cause: error },
  );

/** The error, with the place behind the name of the block. */
function at(error: PipetrainError, label: string, place: string): ModelError {
  const rest = error.message.startsWith(label) ? error.message.slice(label.length) : `: ${error.message}`;
  return new ModelError(error.code, `${label} at ${place}${rest}`, error.hint, { cause: error.cause ?? error });
}

/**
 * The line of a model file that is to blame. An error that comes when the forward has returned passed none: then the
 * forward is traced once more up to the op without a gradient, or up to its last one, which made its result.
 */
function placeOf({ places }: Model, error: unknown, again: (stopsAt: (op: string) => boolean) => void): string | null {
  if (places === undefined) return null;
  const passed = places.of(error);
  if (passed !== null) return passed;
  if (error instanceof UndefinedGradientError) return places.of(thrownBy(() => again((op) => op === error.op)));
  let calls = 0;
  thrownBy(() =>
    again(() => {
      calls++;
      return false;
    }),
  );
  return places.of(thrownBy(() => again(() => --calls === 0)));
}

function thrownBy(call: () => void): unknown {
  try {
    call();
    return null;
  } catch (error) {
    return error;
  }
}

/**
 * What a block may return: a float tensor whose first axis is the batch; exactly [B, ...rest] where `rest` is given.
 */
function checked(y: unknown, label: string, microBatch: number, rest: Shape | null): tf.Tensor {
  const wanted = rest === null ? `[${microBatch}, ...]` : `[${[microBatch, ...rest].join(', ')}]`;
  const hint = `Return a float32 tensor of shape ${wanted}; the first axis is the sample.`;
  if (!isTensor(y))
    throw new ModelError('PT_BLOCK_OUTPUT', `${label} returns ${y === null ? 'null' : typeof y}, not a tensor`, hint);
  const isRightShape =
    y.shape[0] === microBatch &&
    (rest === null || (y.rank === rest.length + 1 && rest.every((size, axis) => y.shape[axis + 1] === size)));
  if (!isRightShape)
    throw new ModelError(
      'PT_BLOCK_OUTPUT',
      `${label} returns the shape [${y.shape.join(', ')}], wanted ${wanted}`,
      hint,
    );
  if (y.dtype !== 'float32')
    throw new ModelError('PT_BLOCK_OUTPUT', `${label} returns ${y.dtype}, wanted float32`, hint);
  return y;
}

const isTensor = (value: unknown): value is tf.Tensor => value instanceof tf.Tensor;

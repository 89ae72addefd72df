// BlockPrograms: what every block of a model computes, as digests that are kept beside its weights. Weights mean
// something only to what they were trained in: names and shapes stay the same with other heads, another activation or
// another mask. Initial values, losses and dropout do not count; nothing here computes.
import { z } from 'zod';
import { checkOptions } from '../core/options.js';
import { type DataInfo, TASKS } from '../data/dataset.js';
import type { Shape } from '../tensor/shape.js';
import type { Model } from './block.js';
import { type BlockGraph, traceBlock } from './block-graph.js';
import { buildModel } from './build-model.js';
import type { ModelDefinition } from './define.js';
import { digestOf } from './model-digest.js';

/** Of one, an axis could not be told from one that is not there. */
const MICRO_BATCH = 2;

const sizes = z.array(z.number().int().nonnegative());
const count = z.number().int().nonnegative().nullable();
const option = z.union([z.string(), z.number(), z.boolean(), z.null()]);

export const blockProgramsSchema = z.object({
  /** Name of the model. */
  model: z.string(),
  /** Its options, completed, as far as they are plain values; for messages. */
  options: z.record(z.string(), option),
  /** The facts of the data that it was built for; what a block computes may follow from them. */
  data: z.object({
    task: z.enum(TASKS),
    fields: z.array(z.object({ name: z.string(), shape: sizes, dtype: z.enum(['float32', 'int32']) })),
    classes: count,
    vocabulary: count,
    sequence: count,
  }),
  blocks: z.array(
    z.object({
      name: z.string(),
      /** Shape of what it is given for two samples; null for the first block. */
      input: sizes.nullable(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

export type BlockPrograms = z.infer<typeof blockProgramsSchema>;

/** What is looked at: a model as it was built, how, and for which data. */
export interface ProgramSubject {
  readonly definition: ModelDefinition;
  readonly modelOptions: Record<string, unknown>;
  readonly model: Model;
  readonly data: DataInfo;
}

/** Throws the ModelError of a block that cannot be traced. */
export function blockPrograms({ definition, modelOptions, model, data }: ProgramSubject): BlockPrograms {
  const { task, fields, classes, vocabulary, sequence } = data;
  return {
    model: model.name,
    options: plainOptions(definition, modelOptions),
    data: {
      task,
      fields: fields.map(({ name, shape, dtype }) => ({ name, shape: [...shape], dtype })),
      classes,
      vocabulary,
      sequence,
    },
    blocks: programsOf(model, data),
  };
}

/**
 * Names of the blocks that compute something else than the blocks of the same names did, both for the data of those. A
 * block of which nobody can tell, since the model cannot be traced for such data, is among them.
 */
export function otherPrograms(subject: ProgramSubject, was: BlockPrograms): string[] {
  // Whose ids they are is nothing that a block computes with.
  const data: DataInfo = { ...was.data, ...tokenizerOf(subject.data) };
  const rebuilt = new Map(attempt(() => programsForData(subject, data))?.map((one) => [one.name, one.sha256]));
  return was.blocks.flatMap(({ name, input, sha256 }) => {
    const index = subject.model.blocks.findIndex((block) => block.name === name);
    if (index < 0 || rebuilt.get(name) === sha256) return [];
    // A model that can only be built for its own data may still have blocks that serve any.
    return attempt(() => programOf(graphOf(subject.model, data, index, input))) === sha256 ? [] : [name];
  });
}

const programsForData = ({ definition, modelOptions }: ProgramSubject, data: DataInfo): BlockPrograms['blocks'] =>
  programsOf(buildModel(definition, modelOptions, data), data);

const tokenizerOf = ({ tokenizer }: DataInfo): Pick<DataInfo, 'tokenizer'> =>
  tokenizer === undefined ? {} : { tokenizer };

function programsOf(model: Model, data: DataInfo): BlockPrograms['blocks'] {
  let input: Shape | null = null;
  return model.blocks.map(({ name }, index) => {
    const graph = graphOf(model, data, index, input);
    const program = { name, input: input === null ? null : [...input], sha256: programOf(graph) };
    input = graph.outputShape;
    return program;
  });
}

/**
 * As in evaluation, and in float32: dropout and other noise belong to training, and numbers of 16 bits to a run, not to
 * what the weights mean.
 */
const graphOf = (model: Model, data: DataInfo, index: number, input: Shape | null): BlockGraph =>
  traceBlock(
    { model: { ...model, precision: 'fp32' }, data, microBatch: MICRO_BATCH, isTraining: false },
    index,
    input,
  );

/** The same wherever in the model the block stands. */
const programOf = ({ graph, inputs, output }: BlockGraph): string =>
  digestOf([
    graph,
    inputs.map(({ role, value }) => ['block' in role ? { ...role, block: null } : role, value] as const),
    output,
  ]);

function plainOptions(definition: ModelDefinition, given: Record<string, unknown>): BlockPrograms['options'] {
  const { value } = checkOptions(definition.options, given);
  const all = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(
    all.flatMap(([name, one]): [string, z.infer<typeof option>][] => {
      const { data, success } = option.safeParse(one);
      return success ? [[name, data]] : [];
    }),
  );
}

/** Null where it throws: a model is not asked to bear the data of another one. */
function attempt<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}

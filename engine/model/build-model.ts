// buildModel: from a definition, options and the facts of the data to a checked Model. What the forwards compute is not
// checked here.
import type { Tensor } from '@tensorflow/tfjs-core';
import { ModelError, PipetrainError } from '../core/errors.js';
import { checkOptions, optionNames } from '../core/options.js';
import type { Precision } from '../core/precision.js';
import type { DataInfo } from '../data/dataset.js';
import type { Block, Init, Model, ParamSpec } from './block.js';
import type { ModelDefinition } from './define.js';
import { type FloatRange, isFloatType } from './float-range.js';
import { ModelPlaces } from './model-places.js';
import { OUTCOME_KINDS, type OutcomeKind } from './outcome-kind.js';
import { sharingProblem } from './shared-parameters.js';

const NAME = /^[A-Za-z0-9._-]+$/;

/** What a run decides about its model besides the options. */
export interface ModelSettings {
  readonly precision?: Precision;
  readonly labelSmoothing?: number;
}

/**
 * Validates the options, builds the model for a run of these settings and checks its blocks. Throws ModelError
 * PT_MODEL_OPTIONS, PT_MODEL_DATA (of built-in models), PT_MODEL_THREW (whatever else the definition throws) or
 * PT_MODEL_BLOCKS.
 */
export function buildModel(
  definition: ModelDefinition,
  options: Record<string, unknown>,
  info: DataInfo,
  { precision = 'fp32', labelSmoothing = 0 }: ModelSettings = {},
): Model {
  const { value, problem } = checkOptions(definition.options, options);
  if (problem !== null) {
    const names = optionNames(definition.options);
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `model ${definition.name}: ${problem}`,
      names.length === 0 ? 'see the model for its options' : `options of this model: ${names.join(', ')}`,
    );
  }
  let model: Model;
  try {
    model = ModelPlaces.remembering(() => definition.build(value, info));
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw new ModelError(
      'PT_MODEL_THREW',
      `model ${definition.name}: build()${at(definition.places, error)} threw: ${describeThrown(error)}`,
      'correct the model; the cause has the place',
      { cause: error },
    );
  }
  checkModel(definition.name, model);
  return given(model, { precision, labelSmoothing }, definition.places);
}

const at = (places: ModelPlaces | undefined, error: unknown): string => {
  const place = places?.of(error) ?? null;
  return place === null ? '' : ` at ${place}`;
};

/** The same model; what somebody wrote may be an object of a class, or frozen. */
const given = (model: Model, settings: ModelSettings, places: ModelPlaces | undefined): Model => ({
  name: model.name,
  blocks: model.blocks,
  loss: (y, context) => model.loss(y, context),
  score: model.score === null ? null : (y, context) => model.score?.(y, context) as Tensor,
  metric: model.metric,
  ...(model.outcome === undefined ? {} : { outcome: model.outcome }),
  ...settings,
  ...(model.notes === undefined ? {} : { notes: model.notes }),
  ...(model.doubts === undefined ? {} : { doubts: model.doubts }),
  ...(model.foreign === undefined ? {} : { foreign: model.foreign }),
  ...(places === undefined ? {} : { places }),
});

export const describeThrown = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

function checkModel(name: string, model: Model): void {
  const wrong = (problem: string, hint: string): ModelError =>
    new ModelError('PT_MODEL_BLOCKS', `model ${name}: ${problem}`, hint);
  // A plug-in may be plain JavaScript, so nothing is taken for granted.
  if (typeof model !== 'object' || model === null || !isList(model.blocks)) {
    throw wrong('build() returned no model with a list of blocks', 'return { name, blocks, loss, score, metric }');
  }
  if (typeof model.loss !== 'function') {
    throw wrong('it has no function loss', 'add loss(y, context), which returns the loss of every sample, shape [B]');
  }
  if (model.score !== null && typeof model.score !== 'function') {
    throw wrong('its score is neither a function nor null', 'give score(y, context) or null');
  }
  if (typeof model.metric?.name !== 'string' || typeof model.metric.higherIsBetter !== 'boolean') {
    throw wrong('it has no metric', 'add metric: { name, higherIsBetter }');
  }
  if (model.outcome !== undefined) checkOutcome(model.outcome, wrong);
  if (model.blocks.length === 0) throw wrong('it has 0 blocks, at least 1 is needed', 'return at least one block');
  const seen = new Map<string, number>();
  model.blocks.forEach((block, index) => {
    checkBlock(block, index, wrong);
    const twin = seen.get(block.name);
    if (twin !== undefined)
      throw wrong(`blocks ${twin} and ${index} are both named "${block.name}"`, 'give every block a name of its own');
    seen.set(block.name, index);
    for (const param of Object.keys(block.params)) {
      const problem = sharingProblem(block, param, model.blocks.slice(0, index));
      if (problem !== null)
        throw wrong(
          `parameter "${param}" of block "${block.name}" cannot be shared: ${problem}`,
          'declare it as shared(block, "parameter"), of a block that comes before and has the parameter as its own',
        );
    }
  });
}

function checkOutcome(outcome: NonNullable<Model['outcome']>, wrong: Wrong): void {
  const { kind, width, of } = outcome as Partial<NonNullable<Model['outcome']>>;
  if (OUTCOME_KINDS.includes(kind as OutcomeKind) && Number.isInteger(width) && Number(width) > 0 && of !== undefined)
    return;
  throw wrong(
    `its outcome is ${JSON.stringify(outcome)}`,
    `give outcome: { kind, width, of(y, context) }; kinds are ${OUTCOME_KINDS.join(', ')}`,
  );
}

type Wrong = (problem: string, hint: string) => ModelError;

function checkBlock(block: Block, index: number, wrong: Wrong): void {
  if (typeof block?.name !== 'string' || !NAME.test(block.name)) {
    throw wrong(
      `block ${index} is named ${JSON.stringify(block?.name)}`,
      'names consist of letters, digits, ".", "-" and "_"',
    );
  }
  if (typeof block.forward !== 'function')
    throw wrong(`block "${block.name}" has no function forward`, 'add forward(x, params, context)');
  if (typeof block.params !== 'object' || block.params === null) {
    throw wrong(`block "${block.name}" has no params`, 'add params, {} where it has none');
  }
  if (block.layer !== null && !(Number.isInteger(block.layer) && block.layer >= 0)) {
    throw wrong(
      `block "${block.name}" has layer ${String(block.layer)}`,
      'the layer is a whole number from 0, or null',
    );
  }
  if (block.precision !== undefined && (block.precision as unknown) !== 'fp32')
    throw wrong(
      `block "${block.name}" has the precision ${JSON.stringify(block.precision)}`,
      'precision is "fp32", for a block that a bf16 run computes in float32 too, or absent',
    );
  for (const [param, spec] of Object.entries(block.params)) checkParam(block, param, spec, wrong);
}

function checkParam(block: Block, param: string, spec: ParamSpec, wrong: Wrong): void {
  const where = `parameter "${param}" of block "${block.name}"`;
  if (!NAME.test(param))
    throw wrong(`${where} has a name that is not allowed`, 'names consist of letters, digits, ".", "-" and "_"');
  if (
    !Array.isArray(spec?.shape) ||
    !spec.shape.every((size: unknown) => Number.isInteger(size) && (size as number) > 0)
  ) {
    throw wrong(`${where} has the shape ${JSON.stringify(spec?.shape)}`, 'a shape is a list of whole numbers from 1');
  }
  if (!isInit(spec.init)) {
    throw wrong(
      `${where} starts as ${JSON.stringify(spec.init)}`,
      'init is { kind: "zeros" }, { kind: "ones" }, { kind: "normal", std } or { kind: "uniform", limit }, ' +
        'with a number from 0, or { kind: "file", range }',
    );
  }
}

// Unlike Array.isArray alone, it leaves the static type as it is.
const isList = (value: unknown): boolean => Array.isArray(value);

const isRange = (range: Partial<FloatRange> | undefined): boolean =>
  typeof range?.path === 'string' &&
  Number.isInteger(range.offset) &&
  typeof range.isTransposed === 'boolean' &&
  isFloatType(String(range.dtype));

function isInit(init: Partial<Init> | undefined): boolean {
  const isScale = (scale: unknown): boolean => typeof scale === 'number' && Number.isFinite(scale) && scale >= 0;
  switch (init?.kind) {
    case 'zeros':
    case 'ones':
      return true;
    case 'normal':
      return isScale((init as { std?: unknown }).std);
    case 'uniform':
      return isScale((init as { limit?: unknown }).limit);
    case 'file':
      return isRange((init as { range?: Partial<FloatRange> }).range);
    default:
      return false;
  }
}

// Compiling a stage: the blocks of a run of a model, traced one by one, stitched into one graph, cut into programs.
// Every bit of a stage's results is decided inside its blocks; where the stage begins and ends, or which program a node
// lands in, changes none.
import { present } from '../core/invariant.js';
import type { DataInfo } from '../data/dataset.js';
import { inputsOf, savedValues } from '../tensor/cut.js';
import { leavingLogSumExp, type LogSumExpUse } from '../tensor/fused/log-sum-exp.js';
import type { Graph, ValueId } from '../tensor/graph.js';
import type { PortRole, Program } from '../tensor/program.js';
import { type Shape, sizeOf } from '../tensor/shape.js';
import type { Model } from './block.js';
import { type ObjectiveKind, traceBlock } from './block-graph.js';
import type { BlockTraces } from './block-traces.js';
import { type RowTable, rowTableOf } from './row-table.js';
import { SavedTensors } from './saved-tensors.js';
import { sharesParameters } from './shared-parameters.js';
import { type SplitBackward, splitBackward } from './split-backward.js';
import { programOf, type RoleValue, StageGraph } from './stage-graph.js';

export interface StageSpec {
  readonly model: Model;
  readonly data: DataInfo;
  /** First block of the stage. */
  readonly from: number;
  /** The block behind its last one. */
  readonly to: number;
  /** Samples per micro-batch. */
  readonly microBatch: number;
  /** Whether the stage below wants a gradient; false where all below is frozen. */
  readonly needsInputGradient: boolean;
  /** Blocks of the model that are not there; default: none. */
  readonly absent?: readonly number[] | undefined;
  /** Where graphs of blocks that are known already are found. */
  readonly traces?: BlockTraces | undefined;
  /** Whether the gradients of row tables are left as gradients of rows. Default: no, as whole tables. */
  readonly keepsRows?: boolean;
  /** What the executor says of its attention; default: it leaves probabilities. */
  readonly logSumExp?: LogSumExpUse | undefined;
}

export interface StagePrograms {
  /** Training forward: (activation, fields, params, noise) -> (activation or loss, saved...). */
  readonly forward: Program;
  /**
   * (gradient unless last, activation, fields, params, noise, saved) -> (gradient if wanted, paramGrad of every
   * parameter, or rowGrad).
   */
  readonly backward: Program;
  /** `backward` in two halves, for schedules that delay weight gradients. */
  readonly split: SplitBackward;
  /** Forward without dropout: the activation, or loss, score and outcome of every sample. */
  readonly evaluate: Program;
  /** The tables of which the backward leaves gradients of rows. */
  readonly tables: readonly RowTable[];
  /** Shape of the activation that comes in; null for the first stage. */
  readonly activationIn: Shape | null;
  /** Shape of the activation that goes out; null for the last stage. */
  readonly activationOut: Shape | null;
  /** Size of all that one micro-batch keeps from forward to backward: saved tensors, and the noise of dropout. */
  readonly savedBytes: number;
}

/** Output shape of every block, for a micro-batch. */
export function blockOutputShapes(model: Model, data: DataInfo, microBatch: number, traces?: BlockTraces): Shape[] {
  const shapes: Shape[] = [];
  for (const index of model.blocks.keys())
    shapes.push(
      traceBlock({ model, data, microBatch, isTraining: false, traces }, index, shapes[index - 1] ?? null).outputShape,
    );
  return shapes;
}

/**
 * Compiles the blocks `from` to `to - 1` for training and evaluation. Throws a ModelError where the model cannot be
 * traced.
 */
export function compileStage(spec: StageSpec): StagePrograms {
  const { model, data, from, to, microBatch, absent, traces } = spec;
  const isLast = to === model.blocks.length;
  const activationIn = activationShape(spec);
  const stage = new StageGraph({ model, data, microBatch, absent, isTraining: true, traces }, from, to, activationIn);
  const forwardOutputs = isLast ? [stage.objective('loss')] : [stage.activation()];
  const { numForwardNodes, gradients } = stage.differentiate();
  const graph = graphOf(stage, spec);
  const found = gradients.map((gradient) => ({
    gradient,
    rows: keepsRows(spec, gradient.role) ? rowTableOf(graph, stage.roles, gradient) : null,
  }));
  const wanted = found
    .filter(({ gradient: { role } }) => role.kind === 'paramGrad' || (spec.needsInputGradient && from > 0))
    .map(({ gradient, rows }): RoleValue =>
      rows === null
        ? gradient
        : { role: { kind: 'rowGrad', block: rows.table.block, name: rows.table.name }, value: rows.rows },
    );
  const saved = new SavedTensors(
    graph,
    savedValues(
      graph,
      numForwardNodes,
      wanted.map(({ value }) => value),
    ),
  );
  const named = (kind: string): string => `${model.name} blocks ${from}-${to - 1} ${kind}`;
  const roles = saved.roles(stage.roles);
  const backward = saved.backward(wanted.map(({ value }) => value));
  return {
    forward: programOf(named('forward'), saved.forward, stage.roles, [...forwardOutputs, ...saved.outputs]),
    backward: programOf(named('backward'), backward, roles, wanted),
    split: splitBackward({ input: named('backward-input'), weight: named('backward-weight') }, backward, roles, wanted),
    evaluate: compileEvaluation(spec, activationIn, named('evaluate'), isLast),
    tables: found.flatMap(({ rows }) => rows?.table ?? []),
    activationIn,
    activationOut: isLast ? null : stage.activationShape,
    savedBytes: saved.bytes + noiseBytes(saved.backward(wanted.map(({ value }) => value)), stage.roles),
  };
}

/**
 * The forward of the blocks `from` to `to - 1` without dropout and without a loss: activation (or fields) and
 * parameters to activation.
 */
export function compilePrefix(
  model: Model,
  data: DataInfo,
  from: number,
  to: number,
  microBatch: number,
  more: Pick<StageSpec, 'traces' | 'logSumExp' | 'absent'> = {},
): Program {
  const spec = { model, data, from, to, microBatch, needsInputGradient: false, ...more };
  return compileEvaluation(spec, activationShape(spec), `${model.name} blocks ${from}-${to - 1} prefix`, false);
}

function compileEvaluation(spec: StageSpec, activationIn: Shape | null, name: string, hasObjectives: boolean): Program {
  const { model, data, microBatch, from, to, absent, traces } = spec;
  const stage = new StageGraph({ model, data, microBatch, absent, isTraining: false, traces }, from, to, activationIn);
  const outputs = hasObjectives ? objectivesOf(model).map((kind) => stage.objective(kind)) : [stage.activation()];
  return programOf(name, graphOf(stage, spec), stage.roles, outputs);
}

/** What evaluation tells of every sample. */
const objectivesOf = ({ score, outcome }: Model): ObjectiveKind[] => [
  'losses',
  ...(score === null ? [] : ['scores' as const]),
  ...(outcome === undefined ? [] : ['outcome' as const]),
];

/** Whether the rows of a gradient may be kept. One that others are added to is a whole one, and its block with it. */
const keepsRows = ({ model, keepsRows = false }: StageSpec, role: PortRole): boolean =>
  keepsRows && role.kind === 'paramGrad' && !sharesParameters(model, role.block);

/** In all programs alike: a block has the same bits in each of them. */
const graphOf = (stage: StageGraph, { logSumExp }: StageSpec): Graph =>
  logSumExp === undefined ? stage.graph() : leavingLogSumExp(stage.graph(), logSumExp);

/** Size of the noise that a graph reads. */
function noiseBytes(graph: Graph, roles: ReadonlyMap<ValueId, PortRole>): number {
  return inputsOf(graph, []).reduce(
    (sum, value) =>
      sum + (roles.get(value)?.kind === 'noise' ? 4 * sizeOf(present(graph.values[value], `value ${value}`).shape) : 0),
    0,
  );
}

function activationShape({ model, data, from, microBatch, traces }: StageSpec): Shape | null {
  if (from === 0) return null;
  const below = { ...model, blocks: model.blocks.slice(0, from) };
  return present(blockOutputShapes(below, data, microBatch, traces).at(-1), `the output shape of block ${from - 1}`);
}

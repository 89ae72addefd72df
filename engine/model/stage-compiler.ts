// StageCompiler: compiles the stages of one model and remembers what it compiled, so that a plan that asks for a stage
// again, or for one that differs in a border only, costs little. The same programs come out as from compile.ts.
import { present } from '../core/invariant.js';
import type { DataInfo } from '../data/dataset.js';
import type { LogSumExpUse } from '../tensor/fused/log-sum-exp.js';
import type { Program } from '../tensor/program.js';
import type { Shape } from '../tensor/shape.js';
import type { Model } from './block.js';
import { traceBlock } from './block-graph.js';
import type { BlockTraces } from './block-traces.js';
import { blockOutputShapes, compilePrefix, compileStage, type StagePrograms } from './compile.js';
import { type RowTable, rowTablesOf } from './row-table.js';
import { sharesParameters } from './shared-parameters.js';

/** Stages and prefixes that are remembered. They hold graphs, no tensors: some hundred kilobytes each. */
const MOST_REMEMBERED = 32;
/** Blocks whose tables are remembered: a few numbers each. */
const MOST_TABLES = 4096;

/** A stage within the model; see StageSpec. */
export interface StageRequest {
  readonly from: number;
  readonly to: number;
  readonly microBatch: number;
  readonly needsInputGradient: boolean;
  /** Blocks of the model that are not there: what is below one goes to what is above it. Default: none. */
  readonly absent?: readonly number[];
}

export class StageCompiler {
  readonly model: Model;
  readonly data: DataInfo;
  readonly traces: BlockTraces;
  /** Whether gradients of row tables are kept by rows; see `compileStage`. */
  readonly keepsRows: boolean;
  readonly #logSumExp: LogSumExpUse | undefined;
  readonly #stages = new Recent<StagePrograms>(MOST_REMEMBERED);
  readonly #prefixes = new Recent<Program>(MOST_REMEMBERED);
  readonly #tables = new Recent<readonly RowTable[]>(MOST_TABLES);
  readonly #shapes = new Recent<Shape[]>(MOST_REMEMBERED);
  #ms = 0;

  constructor(model: Model, data: DataInfo, traces: BlockTraces, keepsRows = true, logSumExp?: LogSumExpUse) {
    this.model = model;
    this.data = data;
    this.traces = traces;
    this.keepsRows = keepsRows;
    this.#logSumExp = logSumExp;
  }

  /** What compiling took since the last call. */
  takeMs(): number {
    const ms = this.#ms;
    this.#ms = 0;
    return ms;
  }

  /** See `compileStage`. */
  stage(request: StageRequest): StagePrograms {
    const { model, data, traces, keepsRows } = this;
    const logSumExp = this.#logSumExp;
    const { from, to, microBatch, needsInputGradient } = request;
    const absent = request.absent ?? [];
    return this.#timed(() =>
      this.#stages.get(`${from} ${to} ${microBatch} ${needsInputGradient} ${absent.join()}`, () =>
        compileStage({ model, data, from, to, microBatch, needsInputGradient, absent, traces, keepsRows, logSumExp }),
      ),
    );
  }

  /** See `compilePrefix`. */
  prefix(from: number, to: number, microBatch: number): Program {
    return this.#timed(() =>
      this.#prefixes.get(`${from} ${to} ${microBatch}`, () =>
        compilePrefix(this.model, this.data, from, to, microBatch, { traces: this.traces, logSumExp: this.#logSumExp }),
      ),
    );
  }

  /**
   * The tables of a block whose gradients are kept by rows, in whatever stage it is; none where no rows are kept, or
   * other blocks share a parameter with it.
   */
  rowTables(block: number, microBatch: number): readonly RowTable[] {
    if (!this.keepsRows || sharesParameters(this.model, block)) return [];
    const { model, data, traces } = this;
    const input = block === 0 ? null : present(this.outputShapes(microBatch)[block - 1], 'shape');
    return this.#timed(() =>
      this.#tables.get(`${block} ${microBatch}`, () =>
        rowTablesOf(traceBlock({ model, data, microBatch, isTraining: true, traces }, block, input)),
      ),
    );
  }

  /** See `blockOutputShapes`. */
  outputShapes(microBatch: number): Shape[] {
    return this.#timed(() =>
      this.#shapes.get(String(microBatch), () => blockOutputShapes(this.model, this.data, microBatch, this.traces)),
    );
  }

  #timed<T>(work: () => T): T {
    const begin = performance.now();
    try {
      return work();
    } finally {
      this.#ms += performance.now() - begin;
    }
  }
}

/** What was made most recently, by key. */
class Recent<T> {
  readonly #made = new Map<string, T>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string, make: () => T): T {
    const value = this.#made.get(key) ?? make();
    this.#made.delete(key);
    this.#made.set(key, value);
    for (const oldest of this.#made.keys()) {
      if (this.#made.size <= this.#most) break;
      this.#made.delete(oldest);
    }
    return value;
  }
}

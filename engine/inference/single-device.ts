// SingleDevice: a whole trained model in this process, for evaluation, predictions and writing samples. It reads a
// checkpoint; it does not train.
import { loadWeights } from '../checkpoint/checkpoint.js';
import { readManifest } from '../checkpoint/manifest.js';
import type { TrainConfig } from '../core/config.js';
import { present } from '../core/invariant.js';
import { type Dataset, firstValidationId } from '../data/dataset.js';
import type { RunMetrics } from '../metrics/run-metrics.js';
import { statisticsWidth } from '../metrics/sample-statistics.js';
import type { Model } from '../model/block.js';
import { compilePrefix, compileStage } from '../model/compile.js';
import { type ParameterSlabs, slabLayout } from '../model/slab.js';
import { StandaloneProgram } from '../model/standalone-program.js';
import { judged, type Validation } from '../protocol/validation.js';
import type { ExecutorOptions } from '../tensor/executor.js';
import type { OnnxExecutor } from '../tensor/onnx-executor.js';
import { openExecutor } from '../tensor/open-executor.js';
import type { Program } from '../tensor/program.js';
import type { HostArray } from '../tensor/shape.js';

/** The settings of a run for this process, which needs none of the devices that it was trained on. */
export const onProcessor = (config: TrainConfig): TrainConfig => ({ ...config, devices: 'cpu:1' });

/** The forward of all blocks. Fields of the data are its inputs. */
export class WholeForward {
  readonly #program: StandaloneProgram;
  /** Names of the fields that the model reads. */
  readonly fields: readonly string[];

  constructor(program: StandaloneProgram, { inputs }: Program) {
    this.#program = program;
    this.fields = inputs.flatMap(({ role }) => (role.kind === 'field' ? [role.name] : []));
  }

  /** The buffer [B, ...] of one of `fields`. */
  field(name: string): HostArray {
    return this.#program.field(name);
  }

  /** The output of the last block, which is float32 in every run. Throws a ModelError (PT_EXECUTOR). */
  run(): Float32Array {
    this.#program.run();
    return this.#program.output as Float32Array;
  }

  close(): void {
    this.#program.close();
  }
}

export class SingleDevice {
  readonly #executor: OnnxExecutor;
  readonly #parameters: ParameterSlabs;
  readonly #model: Model;
  readonly #dataset: Dataset;
  /** Blocks that the run had not grown yet. */
  readonly #absent: readonly number[];

  /** Loads the parameters of a checkpoint folder. `kernels` as in the run that trained them, for the same bits. */
  constructor(folder: string, model: Model, dataset: Dataset, kernels: NonNullable<ExecutorOptions['kernels']>) {
    this.#executor = openExecutor({ threads: 1, kernels });
    const layouts = model.blocks.map(slabLayout);
    const manifest = readManifest(folder);
    this.#absent = manifest.absent;
    const slabs = loadWeights(folder, model, layouts, manifest);
    this.#model = model;
    this.#dataset = dataset;
    this.#parameters = { layouts, of: (block) => present(slabs[block], `slab of block ${block}`) };
  }

  /** Loss and metrics over all validation samples, in micro-batches of the size that was trained. */
  evaluate(microBatch: number, metrics: RunMetrics): Validation {
    const { numValidation, info } = this.#dataset;
    const firstId = firstValidationId(this.#dataset);
    const model = this.#model;
    const { evaluate } = compileStage({
      model,
      data: info,
      from: 0,
      to: model.blocks.length,
      microBatch,
      needsInputGradient: false,
      absent: this.#absent,
    });
    const program = new StandaloneProgram(this.#executor, evaluate, this.#parameters);
    const rows = new Float32Array(numValidation * statisticsWidth(model));
    let at = 0;
    for (let first = 0; first < numValidation; first += microBatch) {
      const ids = Int32Array.from({ length: microBatch }, (_, i) =>
        first + i < numValidation ? firstId + first + i : -1,
      );
      program.fillFields(this.#dataset, ids, 1);
      program.run();
      const statistics = program.statistics(ids);
      rows.set(statistics, at);
      at += statistics.length;
    }
    program.close();
    const ids = Int32Array.from({ length: numValidation }, (_, i) => firstId + i);
    return judged({ model, metrics, dataset: this.#dataset }, { ids, rows });
  }

  /**
   * The whole model in evaluation, for B samples that are written by hand; its output [B, ...] is overwritten by the
   * next run.
   */
  forward(B: number): WholeForward {
    const compiled = compilePrefix(this.#model, this.#dataset.info, 0, this.#model.blocks.length, B, {
      absent: this.#absent,
    });
    return new WholeForward(new StandaloneProgram(this.#executor, compiled, this.#parameters), compiled);
  }

  close(): void {
    this.#executor.close();
  }
}

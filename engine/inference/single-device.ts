// SingleDevice: a whole trained model in this process, for evaluation and for writing samples. It reads a checkpoint;
// it does not train.
import { loadWeights } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import { type Dataset, firstValidationId } from '../data/dataset.js';
import { fillField, fillWeights } from '../data/micro-batch.js';
import type { Model } from '../model/block.js';
import { compilePrefix, compileStage } from '../model/compile.js';
import { entryView, slabLayout } from '../model/slab.js';
import type { BoundProgram, Executor, ExecutorOptions, LoadedProgram } from '../tensor/executor.js';
import type { OnnxExecutor } from '../tensor/onnx-executor.js';
import { openExecutor } from '../tensor/open-executor.js';
import { type Program, roleName } from '../tensor/program.js';
import { type HostArray, hostArray } from '../tensor/shape.js';

/** A program of the whole model with its buffers by role name. */
class WholeProgram {
  readonly buffers = new Map<string, HostArray>();
  readonly #loaded: LoadedProgram;
  readonly #bound: BoundProgram;

  constructor(executor: Executor, program: Program, parameter: (block: number, name: string) => Float32Array) {
    this.#loaded = executor.load(program);
    const bufferOf = (port: Program['inputs'][number]): HostArray => {
      if (port.role.kind === 'param') return parameter(port.role.block, port.role.name);
      const buffer = hostArray(port.dtype, port.shape);
      this.buffers.set(roleName(port.role), buffer);
      return buffer;
    };
    this.#bound = this.#loaded.bind(program.inputs.map(bufferOf), program.outputs.map(bufferOf));
  }

  run(): void {
    this.#bound.run();
  }

  close(): void {
    this.#bound.free();
    this.#loaded.free();
  }
}

export class SingleDevice {
  readonly #executor: OnnxExecutor;
  readonly #parameter: (block: number, name: string) => Float32Array;
  readonly #model: Model;
  readonly #dataset: Dataset;

  /** Loads the parameters of a checkpoint folder. `kernels` as in the run that trained them, for the same bits. */
  constructor(folder: string, model: Model, dataset: Dataset, kernels: NonNullable<ExecutorOptions['kernels']>) {
    this.#executor = openExecutor({ threads: 1, kernels });
    const layouts = model.blocks.map(slabLayout);
    const slabs = loadWeights(folder, model, layouts);
    this.#model = model;
    this.#dataset = dataset;
    this.#parameter = (block, name) =>
      entryView(
        present(slabs[block], 'slab'),
        present(
          layouts[block]?.entries.find((entry) => entry.name === name),
          name,
        ),
      );
  }

  /** Mean loss and metric over all validation samples, in micro-batches of the size that was trained. */
  evaluate(microBatch: number): { readonly loss: number; readonly metric: number } {
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
    });
    const program = new WholeProgram(this.#executor, evaluate, this.#parameter);
    let loss = 0;
    let score = 0;
    for (let first = 0; first < numValidation; first += microBatch) {
      const ids = Int32Array.from({ length: microBatch }, (_, i) =>
        first + i < numValidation ? firstId + first + i : -1,
      );
      for (const { role } of evaluate.inputs) {
        if (role.kind !== 'field') continue;
        const buffer = present(program.buffers.get(roleName(role)), roleName(role));
        if (role.name === '#weight') fillWeights(ids, 1, buffer as Float32Array);
        else fillField(this.#dataset, role.name, ids, buffer);
      }
      program.run();
      loss += present(program.buffers.get('loss'), 'loss')[0] as number;
      score += program.buffers.get('score')?.[0] ?? 0;
    }
    program.close();
    return { loss: loss / numValidation, metric: (model.score === null ? loss : score) / numValidation };
  }

  /**
   * The output of the last block for one sample whose field `name` is `values`; shape [1, ...]. The array is
   * overwritten by the next call of the returned function.
   */
  forward(name: string): { run(values: Int32Array): Float32Array; close(): void } {
    const compiled = compilePrefix(this.#model, this.#dataset.info, 0, this.#model.blocks.length, 1);
    const program = new WholeProgram(this.#executor, compiled, this.#parameter);
    const input = present(program.buffers.get(`field ${name}`), `field ${name}`);
    const output = present(program.buffers.get('activation'), 'output') as Float32Array;
    return {
      run: (values) => {
        input.set(values);
        program.run();
        return output;
      },
      close: () => program.close(),
    };
  }

  close(): void {
    this.#executor.close();
  }
}

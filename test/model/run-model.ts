// Runs a whole model on given fields and parameters, blocks one after another in one program, as an oracle for tests.
// No stages, no training.
import { present } from '../../engine/core/invariant.js';
import type { Block, BlockContext, Model } from '../../engine/model/block.js';
import { entryView, initializeSlab, slabLayout } from '../../engine/model/slab.js';
import type { Executor } from '../../engine/tensor/executor.js';
import type { Port } from '../../engine/tensor/program.js';
import type { HostArray, Shape } from '../../engine/tensor/shape.js';
import { sizeOf } from '../../engine/tensor/shape.js';
import type { Tensor } from '../../engine/tensor/tf.js';
import { trace } from '../../engine/tensor/trace.js';

export interface FieldValue {
  readonly shape: Shape;
  readonly data: HostArray;
}

/** Initial parameters of a block, by name. */
function parametersOf(block: Block, seed: number): Record<string, FieldValue> {
  const layout = slabLayout(block);
  const slab = new Float32Array(layout.length);
  initializeSlab(block, layout, seed, slab);
  return Object.fromEntries(
    layout.entries.map((entry) => [entry.name, { shape: entry.shape, data: entryView(slab, entry) }]),
  );
}

/**
 * Output of the last block, losses and outcomes of a micro-batch, with parameters drawn from the seed; dropout is off.
 */
export function runModel(
  executor: Executor,
  model: Model,
  fields: Readonly<Record<string, FieldValue>>,
  seed = 1,
): { y: Float32Array; yShape: Shape; loss: Float32Array; outcome: Float32Array } {
  const sources: { key: string; value: FieldValue }[] = [
    ...Object.entries(fields).map(([name, value]) => ({ key: `field ${name}`, value })),
    ...model.blocks.flatMap((block) =>
      Object.entries(parametersOf(block, seed)).map(([name, value]) => ({ key: `${block.name} ${name}`, value })),
    ),
  ];
  const specs = sources.map(({ value }) => ({
    shape: value.shape,
    dtype: value.data instanceof Float32Array ? ('float32' as const) : ('int32' as const),
  }));
  const traced = trace(model.name, specs, (tensors) => {
    const byKey = new Map(sources.map(({ key }, i) => [key, tensors[i]]));
    const context: BlockContext = {
      field: (name) => present(byKey.get(`field ${name}`), `field ${name}`),
      dropout: (x) => x,
      isTraining: false,
    };
    let x: Tensor | null = null;
    for (const block of model.blocks) {
      const params = Object.fromEntries(
        Object.keys(block.params).map((name) => [name, present(byKey.get(`${block.name} ${name}`), name)]),
      );
      x = block.forward(x, params, context);
    }
    const y = present(x, 'the output');
    const loss = model.loss(y, context);
    return model.outcome === undefined ? [y, loss] : [y, loss, model.outcome.of(y, context)];
  });
  const port = (value: number, name: string): Port => {
    const { shape, dtype } = present(traced.graph.values[value], name);
    return { role: { kind: 'plain', name }, value, shape, dtype: dtype === 'int32' ? 'int32' : 'float32' };
  };
  const inputs = traced.inputs.map((value, i) => port(value, `in ${i}`));
  const outputs = traced.outputs.map((value, i) => port(value, `out ${i}`));
  const loaded = executor.load({ name: model.name, graph: traced.graph, inputs, outputs });
  const results = outputs.map(({ shape }) => new Float32Array(sizeOf(shape)));
  const bound = loaded.bind(
    sources.map(({ value }) => value.data),
    results,
  );
  bound.run();
  bound.free();
  loaded.free();
  const [y, loss, outcome] = results;
  return {
    y: present(y, 'y'),
    yShape: present(outputs[0], 'y').shape,
    loss: present(loss, 'loss'),
    outcome: outcome ?? new Float32Array(0),
  };
}

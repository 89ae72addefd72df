import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codecFor } from '../../cache/codec.js';
import { present } from '../../engine/core/invariant.js';
import { PRECISIONS } from '../../engine/core/precision.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { activationDtype } from '../../engine/model/block.js';
import { BlockTraces } from '../../engine/model/block-traces.js';
import { buildModel } from '../../engine/model/load-model.js';
import { builtInModel } from '../../engine/model/registry.js';
import { initializeSlab, slabLayout } from '../../engine/model/slab.js';
import { StageCompiler } from '../../engine/model/stage-compiler.js';
import { StandaloneProgram } from '../../engine/model/standalone-program.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { hostArray } from '../../engine/tensor/shape.js';
import { NO_CACHE } from '../../engine/worker/cache-settings.js';
import { FrozenPrefix } from '../../engine/worker/frozen-prefix.js';
import { openCache } from '../../engine/worker/open-cache.js';
import { scratch } from '../scratch.js';

const MICRO_BATCH = 4;
const dataset = openDataset('synthetic:digits', { samples: 40, size: 8 });

describe('a frozen prefix', () => {
  let executor: Executor;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
  });
  afterAll(() => executor.close());

  it.each(PRECISIONS)('in %s reads what it computed, bit for bit, and goes on from the level before', (precision) => {
    const options = { layers: 2, width: 8, heads: 2, patch: 4 };
    const model = buildModel(present(builtInModel('vit'), 'vit'), options, dataset.info, { precision });
    const layouts = model.blocks.map(slabLayout);
    const slabs = model.blocks.map((block, i) => {
      const layout = present(layouts[i], 'layout');
      const slab = new Float32Array(layout.length);
      initializeSlab(block, layout, 1, slab);
      return slab;
    });
    const compiler = new StageCompiler(model, dataset.info, new BlockTraces(null, null));
    const shapes = compiler.outputShapes(MICRO_BATCH);
    const weights = (block: number): Float32Array => present(slabs[block], 'slab');
    const folder = scratch();
    const off: string[] = [];
    const prefixOf = (frozen: number, previousDepth: number | null): FrozenPrefix =>
      new FrozenPrefix({
        executor,
        compiler,
        dataset,
        parameters: { layouts, of: weights },
        frozen,
        microBatch: MICRO_BATCH,
        records: {
          cache: openCache({
            settings: { ...NO_CACHE, bytes: 2 ** 20, isWanted: true },
            folder,
            shapes,
            dtypeOf: (block) => activationDtype(model, block),
            numSamples: 40,
            weights,
            depth: frozen,
            previousDepth,
            onOff: (reason) => void off.push(reason),
          }),
          codec: codecFor('f32', activationDtype(model, frozen - 1)),
          // Every hit is computed again and compared.
          verifies: true,
        },
      });
    const ids = Int32Array.of(3, 7, 1, -1);
    const load = (prefix: FrozenPrefix, frozen: number) => {
      const out = hostArray(activationDtype(model, frozen - 1), present(shapes[frozen - 1], 'shape'));
      prefix.load(ids, out);
      return out;
    };
    const below = prefixOf(2, null);
    const computed = load(below, 2);
    expect(computed).toBeInstanceOf(precision === 'bf16' ? Uint16Array : Float32Array);
    expect(load(below, 2)).toEqual(computed);
    expect([below.hits, below.misses]).toEqual([3, 3]);
    const above = prefixOf(4, 2);
    const continued = load(above, 4);
    expect([above.hits, above.misses]).toEqual([0, 3]);
    const without = new StandaloneProgram(executor, compiler.prefix(0, 4, MICRO_BATCH), { layouts, of: weights });
    without.fillFields(dataset, ids, 1);
    without.run();
    expect(continued).toEqual(without.output);
    without.close();
    for (const prefix of [below, above]) prefix.close();
    expect(off).toEqual([]);
  });
});

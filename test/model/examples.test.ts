import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { trainConfigSchema } from '../../engine/core/config.js';
import { fillField } from '../../engine/data/micro-batch.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { hostArray } from '../../engine/tensor/shape.js';
import { errorOf } from '../error-of.js';
import { runModel } from './run-model.js';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));

describe('examples', () => {
  let executor: Executor;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
  });
  afterAll(() => executor.close());

  it('my-model.ts runs and starts near the loss of a blind guess', async () => {
    const data = openDataset('synthetic:text', { samples: 20, sequence: 16 });
    const definition = await loadModelDefinition(`${folder}my-model.ts`);
    const model = buildModel(definition, { layers: 2, width: 16 }, data.info);
    const fields = Object.fromEntries(
      data.info.fields.map(({ name, shape, dtype }) => {
        const out = hostArray(dtype, [2, ...shape]);
        fillField(data, name, Int32Array.of(0, 1), out);
        return [name, { shape: [2, ...shape], data: out }];
      }),
    );
    const { loss } = runModel(executor, model, fields);
    // The head starts with logits of standard deviation below 0.1.
    for (const value of loss) expect(Math.abs(value - Math.log(data.info.vocabulary as number))).toBeLessThan(0.1);
    expect(errorOf(() => buildModel(definition, {}, openDataset('synthetic:digits', { samples: 5 }).info)).code).toBe(
      'MY_MODEL_DATA',
    );
  });

  const configs = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  it.each(configs)('%s is a valid configuration whose options exist', async (name) => {
    const raw = parse(readFileSync(folder + name, 'utf8')) as Record<string, unknown>;
    const camel = Object.fromEntries(
      Object.entries(raw).map(([key, value]) => [
        key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        value,
      ]),
    );
    const config = trainConfigSchema.parse(camel);
    const definition = await loadModelDefinition(config.model);
    expect(definition.options.safeParse(config.modelOptions).success).toBe(true);
    if (!config.data.startsWith('synthetic:')) {
      // The files are not there, which is the only thing that is wrong.
      expect(errorOf(() => openDataset(config.data, config.dataOptions)).code).toBe('PT_DATA_MISSING');
    } else {
      expect(
        buildModel(definition, config.modelOptions, openDataset(config.data, config.dataOptions).info).blocks.length,
      ).toBeGreaterThan(2);
    }
  });

  it('has configurations', () => {
    expect(configs.sort()).toEqual(['digits.yaml', 'sentiment.yaml', 'shakespeare.yaml']);
  });
});

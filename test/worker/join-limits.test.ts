// What a worker that joins makes on the word of a network: numbers of a run beyond all bounds, or beyond the memory of
// this machine, are refused with both numbers, before anything is made; what its own user named is not.
import { describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import type { OwnMeans } from '../../engine/protocol/invitation.js';
import { sharedSettings } from '../../engine/protocol/shared-settings.js';
import { equip, type Setup } from '../../engine/worker/run-equipment.js';

const own: OwnMeans = {
  name: 'guest',
  executor: 'cpu',
  deviceNumber: 0,
  model: null,
  data: null,
  modelOptions: {},
  dataOptions: {},
  host: null,
  port: 0,
  memory: { path: '/nonexistent', probe: 'x' },
};
const TINY = {
  model: 'vit',
  modelOptions: { layers: 1, width: 8, heads: 2, patch: 4 },
  data: 'synthetic:digits',
  dataOptions: { samples: 40, size: 8 },
  batch: 4,
  exact: false,
};

/** The code and the message of what a worker says to such a run. */
async function answerTo(
  config: Record<string, unknown>,
  changes: Partial<Setup> = {},
  means: Partial<OwnMeans> = {},
): Promise<string> {
  const setup: Setup = {
    type: 'setup',
    settings: sharedSettings(trainConfigSchema.parse({ ...TINY, ...config })),
    executor: 'cpu',
    kernels: false,
    rows: true,
    microBatch: 1,
    probe: 'x',
    expects: { model: '', data: '', processor: '', device: '' },
    ...changes,
  };
  return equip(setup, { worker: 'w1', own: { ...own, ...means }, run: null }).then(
    () => 'joined',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );
}

describe('a worker that joins refuses', () => {
  it.each([
    [
      'a drawn data set larger than it makes',
      { dataOptions: { samples: 3e6, size: 64 } },
      /^PT_JOIN_ROOM .* \d{9,} bytes.* at most \d{9,}/,
    ],
    [
      'more layers than any model has',
      { modelOptions: { layers: 1e5 } },
      /^PT_PROTOCOL .*layers of 100000; .* at most 10000/,
    ],
    ['a batch beyond all bounds', { batch: 2 ** 24 }, /^PT_PROTOCOL .*batch of 16777216; .* at most 1048576/],
    ['a width beyond all bounds', { modelOptions: { width: 2e9 } }, /^PT_PROTOCOL .*width of 2000000000/],
    [
      'samples of any length',
      { data: 'synthetic:copy', dataOptions: { sequence: 1e6 } },
      /^PT_PROTOCOL .*sequence of 1000000/,
    ],
  ])('%s', async (_, config, answer) => expect(await answerTo(config)).toMatch(answer));

  it('a micro-batch larger than the batch', async () =>
    expect(await answerTo({}, { microBatch: 5 })).toMatch(/^PT_PROTOCOL .*micro-batch of 5; .* at most 4/));

  it('other data than the run has, where it could make them', async () =>
    expect(await answerTo({})).toMatch(/^PT_JOIN_MISMATCH the data/));
});

it('a worker that joins makes what its own user named, however large the run says it is', async () => {
  const means = { dataOptions: { samples: 40 } };
  expect(await answerTo({ dataOptions: { samples: 3e6, size: 8 } }, {}, means)).toMatch(/^PT_JOIN_MISMATCH the data/);
});

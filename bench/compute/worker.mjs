// One worker of workers.mjs. Usage: node worker.mjs MODEL WORKER FOLDER, with messages of its parent; FOLDER is where
// the workers keep their tensors.
import { vectorLanes } from '#dist/engine/tensor/jit/cpu-features.js';
import { openExecutor } from '#dist/engine/tensor/open-executor.js';
import { NO_CACHE } from '#dist/engine/worker/cache-settings.js';
import { assembleEquipment } from '#dist/engine/worker/equipment.js';
import { Workplace } from '#dist/engine/worker/workplace.js';
import { peakMb, processorMs } from '../../scripts/lab/machine.mjs';
import { engineAt } from './engine-build.mjs';
import { ADAMW, buildMeasured, measuredData, modelOf } from './models.mjs';

/** @typedef {import('#dist/engine/protocol/messages.js').Report} Report */
/** @typedef {Extract<import('#dist/engine/protocol/messages.js').Order, { type: 'commit' }>} Commit */
/** @typedef {Parameters<Workplace['prepare']>[0]} Preparation */
/** @typedef {ReturnType<Workplace['at']>['seating']} Seating */

/**
 * What the parent says.
 * @typedef {{ type: 'open' } | ({ type: 'prepare' } & Preparation) | { type: 'activate', generation: number } |
 *   { type: 'step', step: number } | Commit | { type: 'close' }} WorkerOrder
 */

/**
 * The answer to an order; each has the fields that belong to it.
 * @typedef {{ worker?: string, address?: string, fingerprint?: string | null, secret?: string, baseMb?: number,
 *   peakMb?: number, cpu?: number, report?: Report }} WorkerAnswer
 */

const [name, worker = '', folder = ''] = process.argv.slice(2);
const SEED = 1;
const POOL_BYTES = 2 ** 30;
const batch = modelOf(name).sizes.B;
const ids = Int32Array.from({ length: batch }, (_, i) => i);
let processorBefore = processorMs();
const sinceLast = () => {
  const before = processorBefore;
  processorBefore = processorMs();
  return processorBefore - before;
};

const executor = openExecutor({ threads: 1 });
/** What the process needs before it has a model. */
const baseMb = peakMb();
const { model, data } = await buildMeasured(name, engineAt());
const workplace = new Workplace({
  equipment: assembleEquipment({
    worker,
    memory: { folder, domain: 'bench', isHome: true },
    subject: { model, dataset: measuredData(name, data), batch, seed: SEED },
    device: { executor, lanes: vectorLanes(), poolBytes: POOL_BYTES },
    optimizer: ADAMW,
    kept: { results: null, identity: null },
    cache: NO_CACHE,
  }),
  port: {
    host: '127.0.0.1',
    port: 0,
    url: 'ws://127.0.0.1',
    // The parent speaks over the channel of its child processes; no tensors go that way.
    home: null,
    onDropped: (peer, reason) => console.error(`${peer}: ${reason}`),
  },
  onCacheOff: () => undefined,
});
/** The seat in the plan in force. @type {Seating | null} */
let seating = null;

function seat() {
  if (seating === null) throw new Error('no seat yet');
  return seating;
}

/**
 * @param {WorkerOrder} message
 * @returns {Promise<WorkerAnswer>}
 */
async function answer(message) {
  switch (message.type) {
    case 'open':
      return { worker, ...(await workplace.neighbours.open()), baseMb };
    case 'prepare':
      await workplace.prepare(message);
      return {};
    case 'activate':
      await workplace.activate(message.generation);
      ({ seating } = workplace.at(message.generation));
      sinceLast();
      return {};
    case 'step': {
      const report = await seat().runStep(message.step, ids);
      return { report, cpu: sinceLast() };
    }
    case 'commit':
      await seat().apply(message);
      return { cpu: sinceLast(), peakMb: peakMb() };
    case 'close':
      setImmediate(() => process.exit(0));
      return {};
  }
}

process.on('message', (/** @type {WorkerOrder} */ message) => {
  answer(message).then(
    (reply) => process.send?.(reply),
    (/** @type {unknown} */ error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

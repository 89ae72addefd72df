// One worker of workers.mjs. Usage: node worker.mjs MODEL WORKER FOLDER, with messages of its parent; FOLDER is where
// the workers keep their tensors.
import { ADAMW, buildMeasured, engineAt, measuredData, MODELS } from './models.mjs';

const [name, worker, folder] = process.argv.slice(2);
const load = engineAt();
const { assembleEquipment } = await load('engine/worker/equipment.js');
const { NO_CACHE } = await load('engine/worker/cache-settings.js');
const { Workplace } = await load('engine/worker/workplace.js');
const { openExecutor } = await load('engine/tensor/open-executor.js');
const { vectorLanes } = await load('engine/tensor/jit/cpu-features.js');

const SEED = 1;
const POOL_BYTES = 2 ** 30;
const batch = MODELS[name].sizes.B;
const ids = Int32Array.from({ length: batch }, (_, i) => i);
const peakMb = () => process.resourceUsage().maxRSS / 1024;
const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
let processorBefore = processor();
const sinceLast = () => {
  const before = processorBefore;
  processorBefore = processor();
  return processorBefore - before;
};

const executor = openExecutor({ threads: 1 });
/** What the process needs before it has a model. */
const baseMb = peakMb();
const { model, data } = await buildMeasured(name, load);
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
    token: 'benchmark-token',
    host: '127.0.0.1',
    port: 0,
    url: 'ws://127.0.0.1',
    // The parent speaks over the channel of its child processes; no tensors go that way.
    home: null,
    onDropped: (peer, reason) => console.error(`${peer}: ${reason}`),
  },
  onCacheOff: () => undefined,
});
/** The seat in the plan in force. */
let seating;

async function answer(message) {
  switch (message.type) {
    case 'open':
      return { worker, ...(await workplace.neighbours.open()), baseMb };
    case 'prepare':
      return workplace.prepare(message);
    case 'activate':
      await workplace.activate(message.generation);
      ({ seating } = workplace.at(message.generation));
      sinceLast();
      return {};
    case 'step': {
      const report = await seating.runStep(message.step, ids);
      return { report, cpu: sinceLast() };
    }
    case 'commit':
      await seating.apply(message);
      return { cpu: sinceLast(), peakMb: peakMb() };
    case 'close':
      setImmediate(() => process.exit(0));
      return {};
    default:
      throw new Error(`unknown message ${message.type}`);
  }
}

process.on('message', (message) => {
  answer(message).then(
    (reply) => process.send(reply),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));

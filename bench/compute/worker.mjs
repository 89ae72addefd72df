// One worker of workers.mjs. Usage: node worker.mjs MODEL WORKER, with messages of its parent.
import { ADAMW, buildMeasured, engineAt, measuredData, MODELS } from './models.mjs';

const [name, worker] = process.argv.slice(2);
const load = engineAt();
const { BlockStore } = await load('engine/dp/block-store.js');
const { Neighbours } = await load('engine/worker/neighbours.js');
const { Seating } = await load('engine/worker/seating.js');
const { BlockTraces } = await load('engine/model/block-traces.js');
const { StageCompiler } = await load('engine/model/stage-compiler.js');
const { ProcessMemory } = await load('engine/memory/process-memory.js');
const { BufferPool } = await load('engine/tensor/buffer-pool.js');
const { slabLayout } = await load('engine/model/slab.js');
const { blocksOf, seatOf } = await load('engine/core/plan.js');
const { openExecutor } = await load('engine/tensor/open-executor.js');
const { Optimizer } = await load('engine/tensor/optimizer.js');
const { HostAdder, NativeAdder } = await load('engine/tensor/vector-adder.js');
const { vectorLanes } = await load('engine/tensor/jit/cpu-features.js');

const SEED = 1;
const POOL_BYTES = 2 ** 30;
const peakMb = () => process.resourceUsage().maxRSS / 1024;
// The parent speaks over the channel of its child processes; no tensors go that way.
const home = { route: () => undefined };
const neighbours = new Neighbours({
  worker,
  token: 'benchmark-token',
  host: '127.0.0.1',
  port: 0,
  url: 'ws://127.0.0.1',
  home,
  onDropped: (peer, reason) => console.error(`${peer}: ${reason}`),
});
const ids = Int32Array.from({ length: MODELS[name].sizes.B }, (_, i) => i);
let executor;
let seating;

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

async function prepare({ plan, folder, colleagues }) {
  neighbours.meet(colleagues);
  const { model, data } = await buildMeasured(name, load);
  const layouts = model.blocks.map(slabLayout);
  const store = new BlockStore({ folder, worker, blocks: model.blocks, layouts, numStates: 2, seed: SEED });
  for (const block of blocksOf(plan, worker).active) store.hold(block, null, true);
  const dataset = measuredData(name, data);
  const compiler = new StageCompiler(model, data, new BlockTraces(null, null));
  seating = new Seating({
    worker,
    plan,
    seat: seatOf(plan, worker),
    folder,
    seed: SEED,
    compiler,
    dataset,
    layouts,
    executor,
    store,
    neighbours,
    shapes: compiler.outputShapes(plan.microBatch),
    optimizer: new Optimizer(executor, ADAMW),
    adder: vectorLanes() === null ? new HostAdder() : new NativeAdder(vectorLanes()),
    pool: new BufferPool(POOL_BYTES),
    memory: new ProcessMemory(folder, worker),
    cache: { codec: 'f32', bytes: 0, diskBytes: 0, diskFolder: null, augmentation: '', isWanted: false },
    verifiesCache: false,
    onCacheOff: () => undefined,
  });
  return {};
}

async function answer(message) {
  switch (message.type) {
    case 'open':
      executor = openExecutor({ threads: 1 });
      return { worker, ...(await neighbours.open()), baseMb: peakMb() };
    case 'prepare':
      return prepare(message);
    case 'activate':
      await seating.activate();
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

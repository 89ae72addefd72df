// RunEquipment: the equipment of a worker of a run: what the coordinator's setup names, loaded here and, by a worker
// that joins, checked against what the run has.
import { type InitialSubject, initialWeights } from '../checkpoint/initial-weights.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError, WorkerError } from '../core/errors.js';
import { processorKind } from '../core/processor.js';
import { buildModel, loadModelDefinition } from '../model/load-model.js';
import { modelDigest } from '../model/model-digest.js';
import type { OwnMeans, RunMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';
import { deviceOf } from '../run/devices.js';
import { builtInIdentity, openKeptResults } from '../run/kept-results.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import { openRunDataset } from '../run/run-dataset.js';
import type { Executor } from '../tensor/executor.js';
import { missingForKernels, vectorLanes } from '../tensor/jit/cpu-features.js';
import { runsOnnx } from '../tensor/onnx-executor.js';
import { bitsOfDevice, openExecutorOf } from '../tensor/open-executor.js';
import { cacheSettings } from './cache-settings.js';
import { assembleEquipment, type Equipment } from './equipment.js';
import { requireBounds, requireRoomForModel, requireRoomForOutputs } from './join-limits.js';
import { joinConfig, requireDeviceBits, requireEqual, requireProcessor } from './join-setup.js';
import { memoryOfJoined, memoryOfOwn } from './worker-memory.js';
import type { WorkerHost } from './worker-phase.js';

export type Setup = Extract<Order, { type: 'setup' }>;
type Means = Pick<WorkerHost, 'worker' | 'own' | 'run'>;

/** What a worker has once it knows the run, and for how long a neighbour may be silent. */
export interface RunEquipment {
  readonly equipment: Equipment;
  readonly heartbeatSeconds: number;
  /** Whether it computes with another kind of device than the workers that measure what blocks cost. */
  readonly isOtherKind: boolean;
}

/**
 * Loads everything. Paths come from what the user of this process, or whoever started it on this host, named; none is
 * in the order. Throws what loading throws, and for a worker that joins PT_JOIN_MODEL, PT_JOIN_DATA, PT_JOIN_DEVICE,
 * PT_JOIN_MEMORY, PT_JOIN_ROOM, PT_JOIN_MISMATCH and PT_PROTOCOL.
 */
export async function equip(setup: Setup, { worker, own, run }: Means): Promise<RunEquipment> {
  const config = configOf(setup, own, run);
  if (own !== null) requireBounds(config, setup.microBatch, own);
  requireDevice(setup, config, own);
  const { definition, model, dataset } = await loadSubject(setup, config);
  if (setup.expects !== null) await pause();
  const place = own === null ? deviceOf(config.devices, worker) : { executor: own.executor, number: own.deviceNumber };
  const executor = await openDevice(setup, config, place);
  const results = openKeptResults(run?.programCache ?? null, config.programCacheMb);
  // A run that goes on is told nothing of what it started from, and who joins one is given its state.
  const { blocks } =
    run === null || config.initFrom === '' ? model : initialWeights({ config, definition, model, dataset });
  const equipment = assembleEquipment({
    worker,
    memory: run === null ? memoryOfJoined(setup.probe, config, worker, own) : memoryOfOwn(config, worker, run),
    subject: { model, dataset, batch: config.batch, seed: config.seed, initial: blocks },
    device: {
      executor,
      // The same bits with and without: whoever joins need not have them.
      lanes: config.kernels === 'off' ? null : vectorLanes(),
      poolBytes: config.poolMb * 2 ** 20,
      keepsRows: setup.rows,
    },
    optimizer: optimizerSpec(config),
    kept: { results, identity: builtInIdentity(config, dataset.info) },
    cache: cacheSettings(config, run?.cacheFolder ?? null),
  });
  // Traces the model now, as a part of starting: a transition would wait for it.
  const shapes = equipment.device.compiler.outputShapes(setup.microBatch);
  if (own !== null) requireRoomForOutputs(shapes, setup.microBatch);
  return {
    equipment,
    heartbeatSeconds: config.heartbeatSeconds,
    isOtherKind: place.executor !== setup.executor,
  };
}

/** All settings as whoever started this worker told them, or what a worker that joins makes of those it is told. */
function configOf({ settings }: Setup, own: OwnMeans | null, run: RunMeans | null): TrainConfig {
  if (run !== null) return run.config;
  if (settings !== null && own !== null) return joinConfig(settings, own);
  throw new WorkerError(
    'PT_PROTOCOL',
    'this worker was told to set up a run, and no settings of it',
    'Run the same version of pipetrain on both sides.',
  );
}

/** Lets what has arrived meanwhile be answered: whoever hears nothing for long gives this worker up. */
const pause = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** In an exact run all workers compute with the same kind of device, on the same kind of processor. */
function requireDevice(setup: Setup, config: TrainConfig, own: OwnMeans | null): void {
  if (own !== null && config.exact && own.executor !== setup.executor)
    throw new UsageError(
      'PT_JOIN_DEVICE',
      `this worker computes with ${own.executor}, the run with ${setup.executor}; their results would not be ` +
        'equal bit for bit',
      'Name a device of the same kind with --devices, or train with --fast.',
    );
  if (!config.exact || setup.expects === null) return;
  requireProcessor(processorKind(), setup.expects.processor);
  if (own !== null) requireDeviceBits(bitsOfDevice(own.executor, own.deviceNumber), setup.expects.device);
}

async function loadSubject(setup: Setup, config: TrainConfig): Promise<Omit<InitialSubject, 'config'>> {
  const { expects, microBatch } = setup;
  const definition = await loadModelDefinition(config.model);
  const dataset = await openRunDataset(config, definition.dataDefaults);
  if (expects !== null) requireEqual('data', config.data, dataset.digest, expects.data);
  await pause();
  const model = buildModel(definition, config.modelOptions, dataset.info, config);
  if (expects !== null) requireRoomForModel(model, config);
  if (expects !== null)
    requireEqual('model', config.model, modelDigest(model, dataset.info, microBatch), expects.model);
  return { definition, model, dataset };
}

async function openDevice(
  { kernels }: Setup,
  config: TrainConfig,
  { executor, number }: ReturnType<typeof deviceOf>,
): Promise<Executor> {
  const device = await openExecutorOf(executor, { threads: 1, kernels: kernels ? 'auto' : 'off' }, number);
  // In an exact run either all workers compute with our kernels or none does.
  if (!kernels || !config.exact || (runsOnnx(device) && device.kernelThreads > 0)) return device;
  device.close();
  throw new UsageError(
    'PT_JOIN_DEVICE',
    'the run computes with machine code that this worker cannot run: ' +
      `${missingForKernels() ?? 'its system forbids executable memory'}; its results would not be equal bit ` +
      'for bit',
    'Start the run with --kernels off, or train with --fast.',
  );
}

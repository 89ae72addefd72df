// The cost probe: what every block of a model costs on this device, measured. Blocks that are alike (kind and parameter
// shapes) are measured once. It runs before training, on data of the run and initial parameters; it changes nothing.
import { checksum } from '../../cache/checksum.js';
import { type CacheCodec, type CodecName, CODECS } from '../../cache/codec.js';
import { median } from '../../pipeline/measured-step.js';
import { present } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import { activationDtype, type Block, type Model } from '../model/block.js';
import { gradientElements, gradientLayout } from '../model/gradient-layout.js';
import { ProgramBinding, type TensorPlaces } from '../model/program-binding.js';
import { RoundedParameters } from '../model/rounded-parameters.js';
import { initializeSlab, type SlabLayout } from '../model/slab.js';
import type { StageCompiler } from '../model/stage-compiler.js';
import type { ReportOf } from '../protocol/messages.js';
import { roundToBfloat16 } from '../tensor/bfloat16.js';
import { isOnDevice, placed, type PortBuffer, type Vector } from '../tensor/device-memory.js';
import type { Executor } from '../tensor/executor.js';
import { type Optimizer, stateLayouts } from '../tensor/optimizer.js';
import { type Port, type Program, roleName } from '../tensor/program.js';
import { atPlace } from '../tensor/run-failure.js';
import { type HostArray, hostArray, type Shape, sizeOf, tensorBytes } from '../tensor/shape.js';
import { Timings } from './cost-trust.js';
import { type Crowd, othersShare, readLoad } from './machine-load.js';

const WARM_UP = 2;
const RUNS = 5;
/**
 * A program that takes long is timed less often: its time varies less, and a large model would start late. After so
 * many milliseconds, and at least two runs, it is enough.
 */
const ENOUGH_MS = 40;
/** Elements on which reads of the cache are timed: a micro-batch of a small model. */
const READ_ELEMENTS = 1 << 16;
/** Elements of the slab on which the optimizer is timed. */
const UPDATE_ELEMENTS = 1 << 18;
/** As a matrix, for optimizers that look at whole parameters. */
const UPDATE_ROWS = 1 << 9;

export interface CostProbeOptions {
  readonly model: Model;
  readonly compiler: StageCompiler;
  readonly dataset: Dataset;
  readonly executor: Executor;
  readonly layouts: readonly SlabLayout[];
  readonly shapes: readonly Shape[];
  readonly optimizer: Optimizer;
  readonly microBatch: number;
  /** Of a step. */
  readonly microBatches: number;
  readonly seed: number;
  /** Those who measure on this machine at the same time. */
  readonly crowd: Crowd;
}

type Costs = Omit<ReportOf<'costs'>, 'type' | 'handover'>;
type BlockMeasurement = Costs['blocks'][number];

export function measureCosts(options: CostProbeOptions): Costs {
  const timings = new Timings();
  const from = readLoad();
  const known = new Map<string, BlockMeasurement>();
  const blocks = options.model.blocks.map((block, index) => {
    const key = likeness(block, index, options);
    const measured = known.get(key) ?? measuredBlock(options, index, timings);
    known.set(key, measured);
    return measured;
  });
  const readMsPerMb = measureReads(timings);
  const updateMsPerMb = measureUpdate(options, timings);
  const trust = { othersShare: othersShare(from, readLoad(), options.crowd), spread: timings.spread };
  return { blocks, readMsPerMb, updateMsPerMb, trust };
}

function measuredBlock(options: CostProbeOptions, index: number, timings: Timings): BlockMeasurement {
  try {
    return measureBlock(options, index, timings);
  } catch (error) {
    const place = `while the costs of block ${index} (${options.model.blocks[index]?.name}) are measured`;
    throw atPlace(error, place, { microBatch: options.microBatch, recompute: false });
  }
}

/** Blocks of equal likeness cost the same. First and last block stand alone: they read data and compute the loss. */
function likeness(block: Block, index: number, { shapes, model }: CostProbeOptions): string {
  const place = index === 0 ? 'first' : index === model.blocks.length - 1 ? 'last' : 'inner';
  return JSON.stringify([
    place,
    block.kind,
    block.precision ?? null,
    Object.values(block.params).map((spec) => spec.shape),
    shapes[index - 1],
    shapes[index],
  ]);
}

function measureBlock(options: CostProbeOptions, index: number, timings: Timings): BlockMeasurement {
  const { compiler, dataset, executor, microBatch, microBatches, shapes, layouts } = options;
  const layout = present(layouts[index], 'layout');
  const programs = compiler.stage({ from: index, to: index + 1, microBatch, needsInputGradient: index > 0 });
  const places = probePlaces(options, index);
  // Any samples will do, as long as there are as many as in training.
  const ids = Int32Array.from({ length: microBatch }, (_, i) => i % dataset.numTrain);
  const programsOf = {
    forward: programs.forward,
    backward: programs.backward,
    input: programs.split.input,
    weight: programs.split.weight,
  };
  const ms = { forward: 0, backward: 0, input: 0, weight: 0 };
  for (const [part, program] of Object.entries(programsOf) as [keyof typeof programsOf, Program | null][]) {
    if (program === null || program.outputs.length === 0) continue;
    const loaded = executor.load(program);
    const bound = new ProgramBinding(loaded, places);
    bound.fillFields(dataset, ids, microBatch);
    ms[part] = typical(() => (bound.run(), executor.memory?.settle()), timings);
    bound.free();
    loaded.free();
  }
  places.close();
  return {
    forwardMs: ms.forward,
    backwardMs: ms.backward,
    inputGradientMs: ms.input,
    weightGradientMs: ms.weight,
    gradientBytes: 4 * gradientElements(gradientLayout(layout, compiler.rowTables(index, microBatch)), microBatches),
    savedBytes: programs.savedBytes,
    carriedBytes: programs.split.carriedBytes,
    copyBytes: copyBytes([...programs.forward.inputs, ...programs.backward.inputs]),
    outputBytes: tensorBytes({ shape: present(shapes[index], 'shape'), dtype: activationDtype(options.model, index) }),
  };
}

/** Bytes of the bfloat16 copies of parameters among the ports. */
function copyBytes(ports: readonly Port[]): number {
  const copies = new Map(
    ports.filter(({ role }) => role.kind === 'rounded').map((port) => [roleName(port.role), port]),
  );
  return [...copies.values()].reduce((sum, port) => sum + tensorBytes(port), 0);
}

/** The initial parameters of a block. */
function initialSlab({ model, layouts, seed }: CostProbeOptions, block: number): Float32Array {
  const layout = present(layouts[block], 'layout');
  const slab = new Float32Array(layout.length);
  initializeSlab(present(model.blocks[block], 'block'), layout, seed, slab);
  return slab;
}

/**
 * Memory for the programs of one block. They share what one leaves for the next; an output gradient does not overwrite
 * the input of the same role.
 */
function probePlaces(options: CostProbeOptions, index: number): TensorPlaces & { close(): void } {
  const { layouts, executor } = options;
  const memory = executor.memory ?? null;
  const initial = initialSlab(options, index);
  const slab = placed(memory, initial);
  const gradient = placed(memory, new Float32Array(initial.length));
  const parameters = { layouts, of: () => slab };
  const rounded = new RoundedParameters(executor, parameters);
  const buffers = new Map<string, PortBuffer>();
  const kept = (key: string, port: Port): PortBuffer => {
    const buffer = buffers.get(key) ?? placed(memory, filled(port));
    buffers.set(key, buffer);
    return buffer;
  };
  return {
    parameters,
    rounded,
    gradients: { layouts, of: () => gradient },
    border: (kind, way, port) => kept(`${kind} ${way}`, port),
    buffer: (port) => kept(roleName(port.role), port),
    close() {
      rounded.close();
      for (const buffer of [slab, gradient, ...buffers.values()]) if (isOnDevice(buffer)) buffer.free();
    },
  };
}

/** A buffer with plausible content: small numbers (zeros would flatter, denormals would not). */
function filled(port: Port): HostArray {
  const { dtype, shape } = port;
  if (dtype === 'bfloat16') {
    const rounded = new Uint16Array(sizeOf(shape));
    roundToBfloat16(filled({ ...port, dtype: 'float32' }) as Float32Array, rounded);
    return rounded;
  }
  const data = hostArray(dtype, shape);
  for (let i = 0; i < data.length; i++) data[i] = ((i * 37) % 101) / 101 - 0.5;
  return data;
}

/**
 * The median of a few runs: the fastest one would be one beside which another worker rested, which it will not do in
 * training.
 */
function typical(run: () => void, timings: Timings): number {
  const begin = performance.now();
  const spent = (): number => performance.now() - begin;
  for (let i = 0; i < WARM_UP && spent() < ENOUGH_MS; i++) run();
  const times: number[] = [];
  while (times.length < RUNS && (times.length < 2 || spent() < ENOUGH_MS)) {
    const from = performance.now();
    run();
    times.push(performance.now() - from);
  }
  const middle = median(times);
  timings.add(times, middle);
  return middle;
}

/** Milliseconds to check and decode what the cache keeps for 10^6 bytes of activations, by codec. */
function measureReads(timings: Timings): Record<CodecName, number> {
  const activation = Float32Array.from({ length: READ_ELEMENTS }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  const out = new Float32Array(READ_ELEMENTS);
  const measure = (codec: CacheCodec): number => {
    const record = new Int32Array(codec.words(READ_ELEMENTS));
    codec.encode(activation, record);
    return (typical(() => (checksum(record), codec.decode(record, out)), timings) * 1e6) / activation.byteLength;
  };
  return Object.fromEntries(CODECS.all.map((codec) => [codec.name, measure(codec)]));
}

/** Milliseconds per 10^6 bytes of parameters for an update. */
function measureUpdate({ optimizer, executor }: CostProbeOptions, timings: Timings): number {
  const slab = (length = UPDATE_ELEMENTS): Vector =>
    placed(executor.memory ?? null, new Float32Array(length).fill(1e-3));
  const entry = { shape: [UPDATE_ROWS, UPDATE_ELEMENTS / UPDATE_ROWS], offset: 0, size: UPDATE_ELEMENTS, decays: true };
  const layouts = stateLayouts(optimizer.spec, { length: UPDATE_ELEMENTS, entries: [entry] });
  const states = layouts.map(({ length }) => slab(length));
  const [weights, gradients] = [slab(), slab()];
  const update = optimizer.isWhole
    ? optimizer.bindWhole({
        ...{ entries: [entry], weights, states, layouts },
        gradient: (_, into) => (isOnDevice(gradients) ? gradients.download(into) : into.set(gradients)),
      })
    : optimizer.bind(weights, gradients, states, [{ ...entry, length: UPDATE_ELEMENTS }]);
  const settings = { learningRate: 1e-6, gradientScale: 1, updateCount: 1 };
  const ms = typical(() => (update.run(settings), executor.memory?.settle()), timings);
  update.free();
  for (const buffer of [weights, gradients, ...states]) if (isOnDevice(buffer)) buffer.free();
  return (ms * 1e6) / (4 * UPDATE_ELEMENTS);
}

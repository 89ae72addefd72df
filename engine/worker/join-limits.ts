// JoinLimits: what a worker that joins will make on the word of a network: how large a model, a data set, a batch. What
// its own user named is not limited; what came over the network is held against bounds and the memory of this machine
// before anything is made of it.
import type { TrainConfig } from '../core/config.js';
import { UsageError, WorkerError } from '../core/errors.js';
import { machineBytes } from '../core/memory-limit.js';
import { MAX_BLOCKS } from '../core/plan.js';
import type { Model } from '../model/block.js';
import { slabLayout } from '../model/slab.js';
import type { OwnMeans } from '../protocol/invitation.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import { stateElements } from '../tensor/optimizer.js';
import { type Shape, sizeOf } from '../tensor/shape.js';

/** Largest numbers of a configuration that came over a network. */
const MOST = { batch: 2 ** 20, layers: MAX_BLOCKS, sequence: 2 ** 14, option: 1e9 } as const;
const MAX_OPTIONS = 100;
/** Of a drawn data set; the share of the machine that it may take. */
const MAX_DRAWN_BYTES = 2 ** 30;
const DRAWN_SHARE = 1 / 4;
/** What a drawn sample takes besides its numbers, and how often text is kept: as characters, and as tokens twice. */
const SAMPLE_BYTES = 400;
const TEXT_COPIES = 3;
const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Throws a WorkerError (PT_PROTOCOL) for numbers beyond all bounds, and a UsageError (PT_JOIN_ROOM) for drawn data. */
export function requireBounds(config: TrainConfig, microBatch: number, own: OwnMeans): void {
  const { batch, modelOptions, dataOptions } = config;
  const named: Readonly<Record<string, unknown>> = { ...own.modelOptions, ...own.dataOptions };
  within('batch', batch, MOST.batch);
  within('micro-batch', microBatch, batch);
  for (const [kind, options] of Object.entries({ model: modelOptions, data: dataOptions })) {
    within(`number of ${kind} options`, Object.keys(options).length, MAX_OPTIONS);
    for (const [name, value] of Object.entries(options))
      if (typeof value === 'number' && named[name] === undefined)
        within(`${kind} option ${name}`, Math.abs(value), mostOf(name));
  }
  if (own.data !== null || named['samples'] !== undefined || !config.data.startsWith('synthetic:')) return;
  const { samples = 0, size = 16, sequence = 64 } = dataOptions as Record<string, number>;
  const bytes = samples * (BYTES * Math.max(size * size, TEXT_COPIES * sequence) + SAMPLE_BYTES);
  const most = Math.min(MAX_DRAWN_BYTES, machineBytes() * DRAWN_SHARE);
  if (bytes > most)
    throw noRoom(
      `the data set ${config.data} of ${samples} samples`,
      bytes,
      most,
      `Where that is what you want, name it here: --data-options samples=${samples}.`,
    );
}

/**
 * Throws a UsageError (PT_JOIN_ROOM) where one block, with gradients and optimizer states, is larger than this machine;
 * a WorkerError (PT_PROTOCOL) where there are more blocks than any model has.
 */
export function requireRoomForModel({ blocks, name }: Model, config: TrainConfig): void {
  within(`number of blocks of ${name}`, blocks.length, MAX_BLOCKS);
  const spec = optimizerSpec(config);
  const floats = blocks.map(slabLayout).map((layout) => 3 * layout.length + stateElements(spec, layout));
  const bytes = BYTES * Math.max(0, ...floats);
  if (!(bytes <= machineBytes())) throw noRoom(`a block of the model ${name}`, bytes, machineBytes());
}

/** As `requireRoomForModel`, of what the blocks put out for one micro-batch. */
export function requireRoomForOutputs(shapes: readonly Shape[], microBatch: number): void {
  const bytes = BYTES * shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  if (!(bytes <= machineBytes())) throw noRoom(`a micro-batch of ${microBatch} samples`, bytes, machineBytes());
}

const mostOf = (option: string): number => (option === 'layers' || option === 'sequence' ? MOST[option] : MOST.option);

function within(what: string, value: number, most: number): void {
  if (value <= most) return;
  throw new WorkerError(
    'PT_PROTOCOL',
    `the run has a ${what} of ${value}; a worker that joins takes at most ${most}`,
    'Whoever answers there may not be what it should; otherwise start these workers with the run.',
  );
}

const noRoom = (what: string, bytes: number, most: number, hint?: string): UsageError =>
  new UsageError(
    'PT_JOIN_ROOM',
    `${what} would take ${bytes} bytes; a worker that joins makes at most ${Math.floor(most)} on the word of a run`,
    hint ?? 'Join from a host with more memory.',
  );

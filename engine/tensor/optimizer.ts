// Optimizer: updates weights and optimizer state in place: by machine code, or tile by tile on the executor where there
// is none, or in JavaScript where that runs no ONNX. The weights may lie anywhere, shared memory included; those in the
// memory of a device are updated there, by programs. Whose gradients they get and in which order is decided elsewhere.
import { invariant, present } from '../core/invariant.js';
import { DeviceUpdate } from './device-arithmetic.js';
import { type DeviceBuffer, isOnDevice, type Vector } from './device-memory.js';
import type { BoundProgram, Executor } from './executor.js';
import { hostUpdate } from './host-update.js';
import { numericAddressOf } from './jit/address-records.js';
import { type Lanes, vectorLanes } from './jit/cpu-features.js';
import { NativeUpdate } from './native-update.js';
import { type HostTensor, type OnnxSession, runsOnnx } from './onnx-executor.js';
import { optimizerRule, type OptimizerSpec } from './optimizers/registry.js';
import { leavesResting, RestingRows, type RowGradient, updateTiles } from './row-update.js';
import type { TensorRule } from './tensor-rule.js';
import type { UpdateRule } from './update-rule.js';
import type { UpdateSettings } from './update-settings.js';
import { type WholeBlock, wholeUpdate } from './whole-update.js';

export {
  type OptimizerSpec,
  stateCount,
  stateElements,
  type StateLayout,
  stateLayouts,
} from './optimizers/registry.js';
export type { UpdateSettings } from './update-settings.js';

/**
 * A run of weights to update. `decays` says whether weight decay applies (it does to matrices, not to biases and
 * gains).
 */
export interface Segment {
  /** In elements, as `length`. */
  readonly offset: number;
  readonly length: number;
  readonly decays: boolean;
}

export interface BoundUpdate {
  /**
   * Updates all segments. The result of each element depends on that element alone, never on tiles or segment borders.
   */
  run(settings: UpdateSettings): void;
  free(): void;
}

/**
 * Elements per tile of ONNX Runtime and of JavaScript. The tile's vectors and intermediates (about 1 MiB) stay in the
 * second-level cache: 3.2 M weights with AdamW take 11 ms, untiled 22 ms; machine code 3 ms, a loop in JavaScript 43
 * ms.
 */
const TILE_ELEMENTS = 32 * 1024;

/** Elements of a gradient of zeros, by which rows without one are updated: they stay in the first-level cache. */
const ZEROS = 4096;

/** What changes from step to step, for weights with and without weight decay; read at every run. */
interface Scalars {
  readonly decaying: Float32Array;
  readonly plain: Float32Array;
}

/** Ties the update of one tile to the buffers. */
type BindTile = (tile: Segment) => BoundProgram;

/** All ways give the same bits. */
export interface OptimizerOptions {
  readonly tileElements?: number;
  /**
   * Width of the vectors of machine code, null for none; unless given, as wide as the processor has them where the
   * executor's kernels are not off.
   */
  readonly lanes?: Lanes | null;
}

export class Optimizer {
  readonly spec: OptimizerSpec;
  readonly #rule: UpdateRule | TensorRule;
  /** Null where this processor has no machine code. */
  readonly #native: NativeUpdate | null;
  /** Null where there is machine code, and where the executor runs no ONNX. */
  readonly #session: OnnxSession | null;
  /** Null where the executor computes in the host's memory. */
  readonly #device: DeviceUpdate | null;
  readonly #tileElements: number;

  /** Throws a UsageError (PT_OPTIMIZER) for settings that cannot train. */
  constructor(
    executor: Executor,
    spec: OptimizerSpec,
    { tileElements = TILE_ELEMENTS, lanes = lanesBeside(executor) }: OptimizerOptions = {},
  ) {
    this.spec = spec;
    const rule = (this.#rule = optimizerRule(spec));
    const byElement = rule.isWhole === true ? null : rule;
    this.#native = lanes === null || byElement === null ? null : nativeUpdate(byElement, lanes);
    this.#session =
      this.#native === null && byElement !== null && runsOnnx(executor) ? executor.loadModel(byElement.model) : null;
    this.#device = executor.memory === undefined || byElement === null ? null : new DeviceUpdate(executor, byElement);
    this.#tileElements = tileElements;
  }

  /** Whether it updates whole parameters (`bindWhole`), or elements (`bind`, `bindRows`). */
  get isWhole(): boolean {
    return this.#rule.isWhole === true;
  }

  get #byElement(): UpdateRule {
    const rule = this.#rule;
    invariant(rule.isWhole !== true, () => `${this.spec.kind} updates whole parameters`);
    return rule;
  }

  /** Ties the update of whole parameters to the buffers of a block. */
  bindWhole(block: WholeBlock): BoundUpdate {
    const rule = this.#rule;
    invariant(rule.isWhole === true, () => `${this.spec.kind} updates elements`);
    return nativeBinding(wholeUpdate(rule, this.spec.ema ?? 0, block));
  }

  /**
   * Ties the update to buffers: `grads` and each of the `stateCount(spec)` states have the length of `weights`.
   * Elements outside the segments are left alone. All are in the host's memory, or all in the device's.
   */
  bind(weights: Vector, grads: Vector, states: readonly Vector[], segments: readonly Segment[]): BoundUpdate {
    const rule = this.#byElement;
    invariant(
      states.length === rule.stateCount,
      () => `${rule.model.name}: ${states.length} states, not ${rule.stateCount}`,
    );
    for (const vector of [grads, ...states])
      invariant(vector.length === weights.length, () => `${vector.length} elements for ${weights.length} weights`);
    const scalars: Scalars = {
      decaying: new Float32Array(rule.scalarCount),
      plain: new Float32Array(rule.scalarCount),
    };
    const setScalars = (settings: UpdateSettings): void => {
      scalars.decaying.set(rule.scalars(settings, true));
      scalars.plain.set(rule.scalars(settings, false));
    };
    const seen = this.#native === null ? null : onHost([weights, grads, ...states]);
    if (this.#native !== null && seen !== null) {
      const runs = tilesOf(segments, Math.max(1, weights.length), weights.length).map(({ decays, ...run }) => ({
        ...run,
        scalars: decays ? scalars.decaying : scalars.plain,
      }));
      return nativeBinding(this.#native.bind(seen, runs), setScalars);
    }
    const tile = this.#tilesOf(weights, grads, states, scalars);
    // On a device every run of elements is a launch.
    const most = isOnDevice(weights) ? Math.max(1, weights.length) : this.#tileElements;
    const tiles: BoundProgram[] = [];
    const freeTiles = (): void => {
      for (const bound of tiles.splice(0)) bound.free();
    };
    try {
      for (const segment of tilesOf(segments, most, weights.length)) tiles.push(tile(segment));
    } catch (error) {
      freeTiles();
      throw error;
    }
    return {
      run(settings) {
        setScalars(settings);
        for (const bound of tiles) bound.run();
      },
      free: freeTiles,
    };
  }

  /**
   * As `bind`, for a table, or a part of one, whose gradient is kept by rows: the same bits as from the whole gradient,
   * which nobody writes down. The states are read here: they must be what the next update shall find.
   */
  bindRows(
    weights: Float32Array,
    gradient: RowGradient,
    states: readonly Float32Array[],
    segments: readonly Segment[],
  ): BoundUpdate {
    const rule = this.#byElement;
    const [segment, ...others] = segments;
    invariant(
      segment?.length === weights.length && others.length === 0,
      () => `${segments.length} segments for a table of ${weights.length} elements`,
    );
    if (this.#native === null) return this.#tiledRows(weights, gradient, states, segments);
    const scalars = new Float32Array(rule.scalarCount);
    const zeros = new Float32Array(ZEROS);
    const resting = new RestingRows(gradient, weights, states);
    const bound = this.#native.bindRuns([weights, ...states], scalars);
    return nativeBinding(
      () =>
        bound((update) => {
          const [none, some] = [numericAddressOf(zeros), numericAddressOf(gradient.rows().values)];
          const rests = leavesResting(rule, [...scalars]);
          resting.forEachRun(rests, ZEROS, (offset, length, at) =>
            update(offset, length, at === null ? none : some + at * Float32Array.BYTES_PER_ELEMENT),
          );
        }),
      (settings) => scalars.set(rule.scalars(settings, segment.decays)),
    );
  }

  /** A tile's gradient is written down before it is updated, in memory that all tiles share. */
  #tiledRows(
    weights: Float32Array,
    gradient: RowGradient,
    states: readonly Float32Array[],
    segments: readonly Segment[],
  ): BoundUpdate {
    const scratch = new Float32Array(Math.min(weights.length, this.#tileElements));
    const tiles = tilesOf(segments, this.#tileElements, weights.length).map(({ offset, length, decays }) => {
      const part = (data: Float32Array): Float32Array => data.subarray(offset, offset + length);
      const own = [{ offset: 0, length, decays }];
      return { offset, length, bound: this.bind(part(weights), scratch.subarray(0, length), states.map(part), own) };
    });
    return {
      run: (settings) =>
        updateTiles(
          gradient,
          scratch,
          tiles.map(({ offset, length, bound }) => ({ offset, length, run: () => bound.run(settings) })),
        ),
      free() {
        for (const { bound } of tiles.splice(0)) bound.free();
      },
    };
  }

  #tilesOf(weights: Vector, grads: Vector, states: readonly Vector[], scalars: Scalars): BindTile {
    if (isOnDevice(weights))
      return deviceTiles(
        present(this.#device, 'updates on the device'),
        weights,
        grads as DeviceBuffer,
        states,
        scalars,
      );
    const [gradients, own] = [grads as Float32Array, states as readonly Float32Array[]];
    return this.#session === null
      ? this.#hostTiles(weights, gradients, own, scalars)
      : onnxTiles(this.#session, weights, gradients, own, scalars);
  }

  #hostTiles(weights: Float32Array, grads: Float32Array, states: readonly Float32Array[], scalars: Scalars): BindTile {
    const update = hostUpdate(this.#byElement);
    return ({ offset, length, decays }) => ({
      run: () => update(weights, grads, states, offset, offset + length, decays ? scalars.decaying : scalars.plain),
      free: () => undefined,
    });
  }

  /** Frees the program and what is still bound. */
  free(): void {
    this.#device?.free();
    this.#native?.free();
    this.#session?.free();
  }
}

const lanesBeside = (executor: Executor): Lanes | null =>
  runsOnnx(executor) && executor.options.kernels === 'off' ? null : vectorLanes();

/** Null where the system forbids machine code. */
function nativeUpdate(rule: UpdateRule, lanes: Lanes): NativeUpdate | null {
  try {
    return new NativeUpdate(rule, lanes);
  } catch {
    return null;
  }
}

function nativeBinding(
  update: (settings: UpdateSettings) => void,
  setScalars: (settings: UpdateSettings) => void = () => undefined,
): BoundUpdate {
  let bound: ((settings: UpdateSettings) => void) | null = update;
  return {
    run(settings) {
      setScalars(settings);
      present(bound, 'an update (it is freed)')(settings);
    },
    free() {
      bound = null;
    },
  };
}

/** The elements of all vectors, where each can be seen from the host. */
function onHost(vectors: readonly Vector[]): Float32Array[] | null {
  const seen = vectors.flatMap((vector) => (isOnDevice(vector) ? (vector.onHost ?? []) : vector));
  return seen.length === vectors.length ? (seen as Float32Array[]) : null;
}

function deviceTiles(
  update: DeviceUpdate,
  weights: DeviceBuffer,
  gradients: DeviceBuffer,
  states: readonly Vector[],
  scalars: Scalars,
): BindTile {
  return ({ offset, length, decays }) => {
    const part = (data: Vector): DeviceBuffer => (data as DeviceBuffer).subarray(offset, offset + length);
    return update.bind({
      weights: part(weights),
      gradients: part(gradients),
      states: states.map(part),
      scalars: decays ? scalars.decaying : scalars.plain,
    });
  };
}

function onnxTiles(
  session: OnnxSession,
  weights: Float32Array,
  grads: Float32Array,
  states: readonly Float32Array[],
  scalars: Scalars,
): BindTile {
  const scalarTensors = { decaying: singles(scalars.decaying), plain: singles(scalars.plain) };
  return ({ offset, length, decays }) => {
    const tensor = (data: Float32Array): HostTensor => ({
      data: data.subarray(offset, offset + length),
      dims: [length],
    });
    const inPlace = [tensor(weights), ...states.map(tensor)];
    const [weight, ...rest] = inPlace;
    const inputs = [weight as HostTensor, tensor(grads), ...rest, ...scalarTensors[decays ? 'decaying' : 'plain']];
    return session.bind(inputs, inPlace);
  };
}

/** Every element as a scalar tensor over the same memory. */
function singles(values: Float32Array): HostTensor[] {
  return Array.from(values, (_, i) => ({ data: values.subarray(i, i + 1), dims: [] }));
}

/**
 * Cuts segments into tiles; segments that touch and agree are joined first, since many (biases) are much smaller than a
 * tile.
 */
function tilesOf(segments: readonly Segment[], tileElements: number, total: number): Segment[] {
  const runs: Segment[] = [];
  for (const segment of segments) {
    const { offset, length, decays } = segment;
    invariant(
      offset >= 0 && length >= 0 && offset + length <= total,
      () => `segment ${offset}+${length} of ${total} weights`,
    );
    const last = runs.at(-1);
    if (last !== undefined && last.decays === decays && last.offset + last.length === offset)
      runs.splice(-1, 1, { ...last, length: last.length + length });
    else runs.push(segment);
  }
  return runs.flatMap(({ offset, length, decays }) =>
    Array.from({ length: Math.ceil(length / tileElements) }, (_, i) => ({
      offset: offset + i * tileElements,
      length: Math.min(tileElements, length - i * tileElements),
      decays,
    })),
  );
}

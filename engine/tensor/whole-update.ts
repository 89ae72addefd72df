// WholeUpdate: a tensor rule applied to the parameters of a block. Their gradients are put together from where they
// were reduced, in memory that all parameters share; what lies in the memory of a device is brought here and back.
// Whose gradients they are is decided elsewhere.
import { isOnDevice, type Vector } from './device-memory.js';
import type { StateLayout } from './optimizers/registry.js';
import type { TensorRule } from './tensor-rule.js';
import type { UpdateSettings } from './update-settings.js';

/** A parameter within the slab of its block. */
export interface WholeEntry {
  readonly shape: readonly number[];
  /** In elements, as `size`. */
  readonly offset: number;
  readonly size: number;
  readonly decays: boolean;
}

/** The parameters of a block, and what they are updated by. */
export interface WholeBlock {
  readonly entries: readonly WholeEntry[];
  readonly weights: Vector;
  readonly states: readonly Vector[];
  /** Where the entries lie in each state. */
  readonly layouts: readonly StateLayout[];
  /** Writes elements `offset`... of the gradient of the slab. */
  readonly gradient: (offset: number, into: Float32Array) => void;
}

/** `ema` is the decay of the mean of the weights, which is the last state then; 0: there is none. */
export function wholeUpdate(rule: TensorRule, ema: number, block: WholeBlock): (settings: UpdateSettings) => void {
  const { entries, weights, states, layouts, gradient } = block;
  const scratch = new Float32Array(Math.max(0, ...entries.map(({ size }) => size)));
  return (settings) => {
    const scale = Math.fround(settings.gradientScale);
    for (const [index, { shape, offset, size, decays }] of entries.entries()) {
      const gradients = scratch.subarray(0, size);
      gradient(offset, gradients);
      if (scale !== 1) for (let i = 0; i < size; i++) gradients[i] = (gradients[i] as number) * scale;
      const places = [
        weights.subarray(offset, offset + size),
        ...states.map((state, k) => placeIn(state, layouts[k], index)),
      ];
      const [own = gradients, ...rest] = places.map(brought);
      rule.update({ shape, weights: own, gradient: gradients, states: rest }, settings, decays);
      if (ema > 0) average(rest.at(-1), own, ema);
      places.forEach((place, k) => {
        const here = [own, ...rest][k];
        if (isOnDevice(place) && here !== undefined) place.upload(here);
      });
    }
  };
}

function placeIn(state: Vector, layout: StateLayout | undefined, index: number): Vector {
  const { offset = 0, size = 0 } = layout?.entries[index] ?? {};
  return state.subarray(offset, offset + size);
}

function brought(vector: Vector): Float32Array {
  if (!isOnDevice(vector)) return vector;
  const here = new Float32Array(vector.length);
  vector.download(here);
  return here;
}

function average(mean: Float32Array | undefined, weights: Float32Array, decay: number): void {
  if (mean === undefined) return;
  for (let i = 0; i < mean.length; i++) mean[i] = decay * (mean[i] as number) + (1 - decay) * (weights[i] as number);
}

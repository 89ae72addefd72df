// Slab: how the parameters of one block lie in one flat Float32Array, so that a block moves, is reduced and is updated
// as a whole. Optimizer states and gradients use the same layout. It holds no memory itself.
import { present } from '../core/invariant.js';
import { fillNormal } from '../core/normals.js';
import { randomKey, uniformAt } from '../core/random.js';
import type { Vector } from '../tensor/device-memory.js';
import { type Shape, sizeOf } from '../tensor/shape.js';
import type { Block, ParamPlace } from './block.js';
import { readFloatRange } from './float-range.js';

/** Parameters start at multiples of 16 elements (64 bytes), which keeps vector loads aligned. */
export const ALIGNMENT = 16;

export interface SlabEntry {
  readonly name: string;
  readonly shape: Shape;
  /** Elements from the start of the slab. */
  readonly offset: number;
  readonly size: number;
  readonly decays: boolean;
  /** See ParamSpec. */
  readonly sharedWith?: ParamPlace;
}

export interface SlabLayout {
  readonly entries: readonly SlabEntry[];
  /** Elements, padding included; padding stays zero for ever. */
  readonly length: number;
  /** Elements without padding, and without parameters of other blocks. */
  readonly numParameters: number;
  /** Runs of the slab to which weight decay applies or not, covering it from 0 to `length`. */
  readonly segments: readonly { readonly offset: number; readonly length: number; readonly decays: boolean }[];
}

const align = (n: number): number => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

/** Lays out a block: parameters with weight decay first, each group in the order of declaration. */
export function slabLayout(block: Block): SlabLayout {
  const declared = Object.entries(block.params);
  const ordered = [...declared.filter(([, spec]) => spec.decay), ...declared.filter(([, spec]) => !spec.decay)];
  const entries: SlabEntry[] = [];
  let length = 0;
  let decayed = 0;
  for (const [name, spec] of ordered) {
    const size = sizeOf(spec.shape);
    const { shape, decay: decays, sharedWith } = spec;
    entries.push({ name, shape, offset: length, size, decays, ...(sharedWith === undefined ? {} : { sharedWith }) });
    length = align(length + size);
    if (spec.decay) decayed = length;
  }
  const segments = [
    { offset: 0, length: decayed, decays: true },
    { offset: decayed, length: length - decayed, decays: false },
  ].filter((segment) => segment.length > 0);
  return { entries, length, numParameters: ownEntries(entries).reduce((sum, { size }) => sum + size, 0), segments };
}

/** Without the parameters that are those of other blocks. */
export const ownEntries = (entries: readonly SlabEntry[]): SlabEntry[] =>
  entries.filter(({ sharedWith }) => sharedWith === undefined);

/** The view of one parameter inside a slab (or inside a gradient or optimizer state of the same layout). */
export function entryView(slab: Float32Array, entry: SlabEntry): Float32Array;
export function entryView(slab: Vector, entry: SlabEntry): Vector;
export function entryView(slab: Vector, entry: SlabEntry): Vector {
  return slab.subarray(entry.offset, entry.offset + entry.size);
}

/** The slabs of a model. */
export interface ParameterSlabs {
  /** Where the parameters of every block lie in its slab. */
  readonly layouts: readonly Pick<SlabLayout, 'entries'>[];
  /** The slab of one block: its parameters, or their gradients. */
  readonly of: (block: number) => Vector;
}

/** The view of one parameter (or its gradient) inside the slab of its block. */
export function parameterView(
  { layouts, of }: ParameterSlabs,
  { block, name }: { readonly block: number; readonly name: string },
): Vector {
  const entry = layouts[block]?.entries.find((candidate) => candidate.name === name);
  return entryView(of(block), present(entry, `parameter ${name} of block ${block}`));
}

/** The part `index` of `of` parts of what is drawn at random for a block. */
export interface DrawnShare {
  readonly index: number;
  readonly of: number;
}

const ALL: DrawnShare = { index: 0, of: 1 };

const shareOf = (size: number, { index, of }: DrawnShare): { readonly from: number; readonly to: number } => ({
  from: Math.floor((size * index) / of),
  to: Math.floor((size * (index + 1)) / of),
});

/** The elements of the slab of a block that belong to a share. */
export function drawnRanges(
  block: Block,
  { entries }: SlabLayout,
  share: DrawnShare,
): { readonly from: number; readonly to: number }[] {
  return entries
    .filter(({ name }) => ['normal', 'uniform'].includes(block.params[name]?.init.kind ?? ''))
    .map(({ offset, size }) => {
      const { from, to } = shareOf(size, share);
      return { from: offset + from, to: offset + to };
    })
    .filter(({ from, to }) => to > from);
}

/**
 * Writes the initial parameters of a block: the same numbers on every worker, for every plan. Of what is drawn only a
 * share where one is named: the rest of it is zero.
 */
export function initializeSlab(
  block: Block,
  layout: SlabLayout,
  seed: number,
  slab: Float32Array,
  share: DrawnShare = ALL,
): void {
  slab.fill(0);
  for (const entry of layout.entries) {
    const { init } = present(block.params[entry.name], `parameter ${entry.name} of ${block.name}`);
    const view = entryView(slab, entry);
    const { sharedWith: place = { block: block.name, param: entry.name } } = entry;
    const key = randomKey(seed, 'init', place.block, place.param);
    const { from, to } = shareOf(entry.size, share);
    switch (init.kind) {
      case 'zeros':
        break;
      case 'ones':
        view.fill(1);
        break;
      case 'normal':
        fillNormal(key, init.std, view, { from, first: from, n: to - from });
        break;
      case 'uniform':
        for (let i = from; i < to; i++) view[i] = init.limit * (2 * uniformAt(key, i) - 1);
        break;
      case 'file':
        readFloatRange(init.range, entry.shape, view);
        break;
    }
  }
}

// The ways to grow by name.
import { Registry } from '../core/registry.js';
import type { GrowthWay } from './way.js';

const stacked = (position: number, before: number): number => position % before;

/** The whole stack once more on top of itself: 1 2 3 1 2 3 (Gong et al. 2019; G_stack of Du et al. 2024). */
const stack: GrowthWay = { name: 'stack', keepsFunction: false, originOf: stacked };

/** Each layer beside its copy: 1 1 2 2 3 3. */
const interleave: GrowthWay = {
  name: 'interleave',
  keepsFunction: false,
  originOf: (position, before, after) => Math.floor((position * before) / after),
};

/** As stack, and the new layers add nothing to the stream until they have learnt to. */
const identity: GrowthWay = { name: 'identity', keepsFunction: true, originOf: stacked };

export const GROWTH_WAYS = new Registry<GrowthWay>('way to grow', [stack, interleave, identity]);

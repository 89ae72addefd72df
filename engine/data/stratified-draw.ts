// StratifiedDraw: some samples out of many, drawn from a seed so that every class keeps its share. It knows class ids
// and places, no texts and no images.
import { permutation, randomKey } from '../core/random.js';

export interface DrawOptions {
  /** Samples to draw. */
  readonly count: number;
  readonly seed: number;
  /** Tells draws of one seed apart. */
  readonly purpose: string;
  /** Samples of a class that are not drawn, where it has so many: 1 keeps every class on both sides. */
  readonly spare: number;
}

/**
 * Places of the drawn samples, ascending. Of every class as many as its share of the whole, rounded by largest
 * remainder; one at least where there are as many draws as classes. Depends on the classes and the options alone.
 */
export function stratifiedDraw(classes: ArrayLike<number>, { count, seed, purpose, spare }: DrawOptions): Int32Array {
  const members = new Map<number, number[]>();
  for (let place = 0; place < classes.length; place++) {
    const id = classes[place] as number;
    const list = members.get(id);
    if (list === undefined) members.set(id, [place]);
    else list.push(place);
  }
  const groups = [...members].sort(([a], [b]) => a - b);
  const quotas = shares(
    groups.map(([, places]) => places.length),
    Math.min(count, classes.length),
    spare,
  );
  const drawn = groups.flatMap(([id, places], group) => {
    const order = permutation(randomKey(seed, 'draw', purpose, id), places.length);
    return [...order.subarray(0, quotas[group])].map((at) => places[at] as number);
  });
  return Int32Array.from(drawn).sort();
}

/** How many to draw of groups of these sizes; never more than leaves `spare` of each. */
function shares(sizes: readonly number[], count: number, spare: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const room = sizes.map((size) => Math.max(0, size - spare));
  const wanted = sizes.map((size) => (size * count) / total);
  const quotas = wanted.map((share, group) => Math.min(Math.floor(share), room[group] as number));
  const rest = (group: number): number => (wanted[group] as number) - (quotas[group] as number);
  const byRest = sizes.map((_, group) => group).sort((a, b) => rest(b) - rest(a) || a - b);
  let left = count - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const group of byRest) {
    if (left === 0) break;
    if (quotas[group] === room[group]) continue;
    quotas[group] = (quotas[group] as number) + 1;
    left -= 1;
  }
  // A class without any takes one of the class that has the most.
  for (const group of sizes.keys()) {
    if ((quotas[group] as number) > 0 || room[group] === 0) continue;
    const most = quotas.reduce((best, quota, other) => (quota > (quotas[best] as number) ? other : best), 0);
    if ((quotas[most] as number) < 2) break;
    quotas[most] = (quotas[most] as number) - 1;
    quotas[group] = 1;
  }
  return quotas;
}

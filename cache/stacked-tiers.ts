// StackedTiers: a tier of several, each with samples of its own: the first samples in memory, those beyond its capacity
// on a disk. Which tier has a sample never changes, so nothing moves between them and nothing is looked up twice.
import { present } from '../engine/core/invariant.js';
import type { ActivationStore } from './activation-store.js';
import type { ActivationTier } from './activation-tier.js';

export class StackedTiers implements ActivationTier {
  readonly #tiers: readonly ActivationStore[];

  /** At least one store, of one depth and shape. */
  constructor(tiers: readonly ActivationStore[]) {
    this.#tiers = tiers;
  }

  get depth(): number {
    return this.#first.depth;
  }

  get recordFloats(): number {
    return this.#first.recordFloats;
  }

  get hits(): number {
    return this.#sum((tier) => tier.hits);
  }

  get misses(): number {
    return this.#sum((tier) => tier.misses);
  }

  get bytes(): number {
    return this.#sum((tier) => tier.bytes);
  }

  has(id: number): boolean {
    return this.#of(id).has(id);
  }

  read(id: number, out: Float32Array, row: number): boolean {
    return this.#of(id).read(id, out, row);
  }

  write(id: number, from: Float32Array, row: number): void {
    this.#of(id).write(id, from, row);
  }

  prefetch(ids: Iterable<number>): void {
    for (const tier of this.#tiers) tier.prefetch(ids);
  }

  close(): void {
    for (const tier of this.#tiers) tier.close();
  }

  unlink(): void {
    for (const tier of this.#tiers) tier.unlink();
  }

  get #first(): ActivationStore {
    return present(this.#tiers[0], 'a tier');
  }

  /** The tier that has a place for a sample, or any, which then has nothing to say about it. */
  #of(id: number): ActivationStore {
    return this.#tiers.find((tier) => tier.hasPlace(id)) ?? this.#first;
  }

  #sum(of: (tier: ActivationStore) => number): number {
    return this.#tiers.reduce((sum, tier) => sum + of(tier), 0);
  }
}

// ActivationTier: what the cache needs of a place that keeps activations of one depth by sample id. An interface;
// activation-store.ts is one such place, stacked-tiers.ts several in order.

export interface ActivationTier {
  readonly depth: number;
  /** Elements of a record. */
  readonly recordFloats: number;
  readonly hits: number;
  readonly misses: number;
  /** Bytes of the ready records. */
  readonly bytes: number;
  has(id: number): boolean;
  /** Copies the record of a sample into row `row` of `out`; on false the row's content is undefined. */
  read(id: number, out: Float32Array, row: number): boolean;
  write(id: number, from: Float32Array, row: number): void;
  /** Starts to fetch what will be read soon. */
  prefetch(ids: Iterable<number>): void;
  close(): void;
  unlink(): void;
}

// PeakMemory: the most memory that each worker of a run needed, and that those needed together which were there at one
// time: a worker that replaces a lost one does not count beside it.

export class PeakMemory {
  readonly peaks = new Map<string, number>();
  readonly #present = new Map<string, number>();
  together = 0;

  take(peaks: Readonly<Record<string, number>>): void {
    for (const [worker, bytes] of Object.entries(peaks)) {
      const most = Math.max(bytes, this.peaks.get(worker) ?? 0);
      this.peaks.set(worker, most);
      this.#present.set(worker, most);
    }
    this.together = Math.max(
      this.together,
      [...this.#present.values()].reduce((sum, bytes) => sum + bytes, 0),
    );
  }

  leave(worker: string): void {
    this.#present.delete(worker);
  }

  /** Another session begins, with workers of its own. */
  forget(): void {
    this.#present.clear();
  }
}

// RunStand: where a run stands between two steps, apart from tensors and plans: what is done, what is frozen, and which
// snapshot could be gone back to. Every part of the trainer looks at the same one.
import { present } from '../core/invariant.js';
import { Freezer } from '../freezing/freezer.js';
import type { PlanRequest } from '../planning/planned.js';
import { Progress } from '../run/progress.js';
import type { RunSetup } from '../run/run-setup.js';
import { type Snapshot, Snapshots } from '../state/snapshots.js';

export class RunStand {
  readonly progress = new Progress();
  readonly snapshots = new Snapshots();
  readonly freezer: Freezer;
  /** Frozen blocks of the plan in force; none before the first. */
  depth = 0;
  /** When the run began, by `performance.now()`. */
  readonly startedAt = performance.now();
  readonly #totalSteps: number;
  readonly #stepsPerEpoch: number;

  constructor(setup: RunSetup) {
    this.freezer = new Freezer(setup);
    this.#totalSteps = setup.totalSteps;
    this.#stepsPerEpoch = setup.sampler.stepsPerEpoch;
  }

  /** Steps done. */
  get step(): number {
    return this.progress.steps;
  }

  /** What a plan made now has to respect; `because` is one clause. */
  request(because: string): PlanRequest {
    const { blocks, layers } = this.freezer;
    const epochsLeft = (this.#totalSteps - this.step) / this.#stepsPerEpoch;
    return { frozen: blocks, frozenLayers: layers, epochsLeft, because };
  }

  /** Goes back to a snapshot; the steps since then will be done again. */
  rewind({ progress, freezer }: Snapshot): void {
    this.progress.rewind(present(progress, 'progress of a whole snapshot'));
    this.freezer.restore(freezer);
  }
}

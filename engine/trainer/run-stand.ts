// RunStand: where a run stands between two steps, apart from tensors and plans: what is done, what is frozen, and which
// snapshot could be gone back to. Every part of the trainer looks at the same one.
import { present } from '../core/invariant.js';
import { Freezer } from '../freezing/freezer.js';
import { Grower } from '../growing/grower.js';
import type { PlanRequest } from '../planning/planned.js';
import { Progress } from '../run/progress.js';
import type { RunSetup } from '../run/run-setup.js';
import { type DecisionState, type Snapshot, Snapshots } from '../state/snapshots.js';

export class RunStand {
  readonly progress = new Progress();
  readonly snapshots = new Snapshots();
  readonly freezer: Freezer;
  readonly grower: Grower;
  /** Frozen blocks of the plan in force; none before the first. */
  depth = 0;
  /** When the run began, by `performance.now()`. */
  readonly startedAt = performance.now();
  readonly #totalSteps: number;
  readonly #stepsPerEpoch: number;

  constructor(setup: RunSetup) {
    this.freezer = new Freezer(setup);
    this.grower = new Grower(setup);
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
    const { absent, keepsFunction: asIdentity } = this.grower;
    const growth = absent.length === 0 ? {} : { growth: { absent: [...absent], born: [], asIdentity } };
    return { frozen: blocks, frozenLayers: layers, ...growth, epochsLeft, because };
  }

  /** Where its decisions stand. */
  decisions(): DecisionState {
    return { freezer: this.freezer.save(), grower: this.grower.save() };
  }

  /** Goes back to a snapshot; the steps since then will be done again. */
  rewind({ progress, freezer, grower }: Snapshot): void {
    this.progress.rewind(present(progress, 'progress of a whole snapshot'));
    this.freezer.restore(freezer);
    this.grower.restore(grower);
  }
}

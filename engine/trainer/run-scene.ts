// RunScene: what every part of a trainer is given: the facts of the run, who started it, the workers, and where it
// stands.
import type { Coordinator } from '../coordinator/coordinator.js';
import type { RunSetup } from '../run/run-setup.js';
import type { RunStand } from './run-stand.js';
import type { TrainHost } from './train-host.js';

export interface RunScene {
  readonly setup: RunSetup;
  readonly host: TrainHost;
  readonly coordinator: Coordinator;
  readonly stand: RunStand;
  /** Read when the run is set up, so that one that cannot be read starts no worker. */
  readonly learningRate: (step: number) => number;
}

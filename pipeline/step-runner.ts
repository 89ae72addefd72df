// StepRunner: runs the actions of one worker for a step, in order, each on the stage it names. The order is the
// schedule's; what an action does is the stage runner's business.
import { present } from '../engine/core/invariant.js';
import type { Action } from './action.js';
import type { GradientSink, PendingLoss, StageLoss, StageRunner, StepInput } from './stage-runner.js';

export class StepRunner {
  readonly #actions: readonly Action[];
  readonly #runners: ReadonlyMap<number, StageRunner>;

  constructor(actions: readonly Action[], runners: ReadonlyMap<number, StageRunner>) {
    this.#actions = actions;
    this.#runners = runners;
  }

  /**
   * Leaves the gradient of every micro-batch in the sink of its stage; returns the losses where this worker runs the
   * last stage.
   */
  async runStep(input: StepInput, sinks: ReadonlyMap<number, GradientSink>): Promise<StageLoss[]> {
    const losses: PendingLoss[] = [];
    for (const { stage, kind, micro } of this.#actions) {
      const runner = present(this.#runners.get(stage), `runner of stage ${stage}`);
      const sink = present(sinks.get(stage), `sink of stage ${stage}`);
      switch (kind) {
        case 'F': {
          const loss = await runner.forward(input, micro);
          if (loss !== null) losses.push(loss);
          break;
        }
        case 'B':
          await runner.backward(input, micro, sink);
          break;
        case 'I':
          await runner.backwardInput(input, micro);
          break;
        case 'W':
          runner.backwardWeight(input, micro, sink);
          break;
      }
    }
    return losses.map((pending) => ({ micro: pending.micro, loss: pending.read() }));
  }
}

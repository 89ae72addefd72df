// StepLoop: the steps that a worker runs from a start to the commit that says that it was the last: compute, report,
// wait for the commit, apply. Which steps there are, and when they end, the coordinator decides.
import { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { CoordinatorLine } from './coordinator-line.js';
import type { Workplace } from './workplace.js';

export class StepLoop {
  readonly #line: CoordinatorLine;
  readonly #workplace: Workplace;

  constructor(line: CoordinatorLine, workplace: Workplace) {
    this.#line = line;
    this.#workplace = workplace;
  }

  /**
   * Returns early where the next order is to stop or to abort, which is left for whoever takes orders. Throws a
   * WorkerError (PT_PROTOCOL) where it is none of these, nor the commit of the step.
   */
  async run(generation: number, firstStep: number): Promise<void> {
    const line = this.#line;
    const seating = present(this.#workplace.at(generation).seating, 'seat');
    const { sampler } = this.#workplace.equipment.subject;
    for (let step = firstStep; ; step++) {
      const { ids } = sampler.batchAt(step);
      seating.prefetch(sampler.batchAt(step + 1).ids);
      line.report(await seating.runStep(step, ids));
      const order = await line.next();
      if (order.type === 'stop' || order.type === 'abort') return line.putBack(order);
      if (order.type !== 'commit' || order.step !== step || order.generation !== generation)
        throw new WorkerError(
          'PT_PROTOCOL',
          `worker ${line.worker} waits for the commit of step ${step} and got "${order.type}"`,
          'Report this.',
        );
      line.obeys(order);
      await this.#workplace.apply(order);
      if (order.snapshot !== null) line.reportLater(this.#workplace.writeSnapshot(generation, step, order.snapshot));
      if (!order.goesOn) return line.report({ type: 'paused', generation, step });
    }
  }
}

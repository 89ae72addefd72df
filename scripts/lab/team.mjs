// A team of real workers that takes steps outside of a training run, under plans of a given shape: no data order, no
// evaluation, no freezing. For measurements of what a step does.
import { Coordinator } from '#dist/engine/coordinator/coordinator.js';
import { trainConfigSchema } from '#dist/engine/core/config.js';
import { runCosts } from '#dist/engine/costs/run-costs.js';
import { planOfShape } from '#dist/engine/planning/next-plan.js';
import { planBasis } from '#dist/engine/planning/plan-basis.js';
import { setUpRun } from '#dist/engine/run/run-setup.js';

/** @typedef {Parameters<typeof planOfShape>[3]} FixedShape */
/** @typedef {Awaited<ReturnType<Coordinator['stepReports']>>} StepReports */

/**
 * Starts the workers that the settings ask for and measures what their blocks cost.
 * @param {Record<string, unknown>} settings As in a configuration file.
 */
export async function startTeam(settings) {
  const setup = await setUpRun(trainConfigSchema.parse(settings));
  const coordinator = await Coordinator.open({ ...setup, programCache: null });
  await coordinator.launch();
  const known = await runCosts(setup, coordinator, null);
  const basis = planBasis(setup, known);
  /** @type {Parameters<typeof planOfShape>[1]} */
  let history = null;
  return {
    setup,
    /** The costs as measured before the first step. */
    costs: known.event,

    /**
     * Seats the workers in a shape; returns what the planner made of it.
     * @param {FixedShape} shape
     * @param {number} [frozen] Number of frozen blocks.
     */
    async adopt(shape, frozen = 0) {
      const request = { frozen, frozenLayers: 0, epochsLeft: 1, because: 'measurement' };
      const planned = planOfShape(basis, history, request, shape);
      history = planned.history;
      await coordinator.adopt(planned.plan);
      return planned;
    },

    /**
     * Takes whole steps under the plan adopted last.
     * @param {number} count
     * @param {number} learningRate
     * @param {(reports: StepReports, step: number) => void} onStep
     */
    async takeSteps(count, learningRate, onStep) {
      coordinator.start(0);
      for (let step = 0; step < count; step++) {
        const reports = await coordinator.stepReports();
        const update = { learningRate, gradientScale: 1, updateCount: step + 1, snapshot: null };
        await coordinator.commit(step, update, step + 1 < count);
        onStep(reports, step);
      }
    },

    close: () => coordinator.close(),
  };
}

// PlanPreview: the plans a run would have, without training: costs measured by all workers at once, then the choice at
// the start and at some frozen depths. It asks as a run does; which depths a policy will reach is not
// known beforehand.
import { tmpdir } from 'node:os';
import { countLayers, frozenBlocks } from '../../freeze/layers.js';
import type { PipelineChoice } from '../../pipeline/choice.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { setUpRunFrom } from '../checkpoint/resumed-setup.js';
import { startingConfig } from '../checkpoint/starting-config.js';
import { withWorkers } from '../coordinator/with-workers.js';
import type { TrainConfig } from '../core/config.js';
import { present } from '../core/invariant.js';
import type { PlannedGrowth } from '../core/plan.js';
import type { CostTrust } from '../costs/cost-trust.js';
import type { HandoverCost } from '../costs/handover-probe.js';
import { measuredCosts } from '../costs/measured-costs.js';
import { ratesOf } from '../costs/measured-rates.js';
import { trustedMeasurement } from '../costs/run-costs.js';
import type { DataSummary } from '../data/data-summary.js';
import { makeRunPolicy } from '../freezing/freeze-policy.js';
import { nextPlan } from '../planning/next-plan.js';
import { planBasis } from '../planning/plan-basis.js';
import type { PlanHistory } from '../planning/plan-history.js';
import { becauseFrozen, type Planned } from '../planning/planned.js';
import type { RunSetup } from '../run/run-setup.js';
import { type MicroBatchChoice, withMicroBatch } from './micro-batch-search.js';

export interface PreviewedPlan extends Omit<PipelineChoice, 'schedule'> {
  readonly schedule: string;
  /** Layers that there are. */
  readonly layers: number;
  readonly frozenLayers: number;
  /** Frozen blocks. */
  readonly frozen: number;
  readonly usesCache: boolean;
  /** Why the cache is on or off. */
  readonly cacheReason: string;
  readonly grid: string;
}

export interface PlanPreview {
  readonly model: string;
  /** What was understood from the data, where their kind tells. */
  readonly data?: DataSummary;
  readonly device: string;
  readonly workers: number;
  readonly batch: number;
  readonly microBatch: number;
  /** How it was found where it was not given. */
  readonly microBatchChoice: MicroBatchChoice | null;
  readonly numMicroBatches: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  readonly numLayers: number;
  readonly measureSeconds: number;
  /** How far the measured costs may be believed. */
  readonly trust: CostTrust;
  /** Most bytes of a worker. */
  readonly memoryLimit: number;
  readonly costs: readonly BlockCost[];
  /** What workers take to hand over, or null where there is one worker. */
  readonly handover: HandoverCost | null;
  /** The first one is the plan with which the run starts. */
  readonly plans: readonly PreviewedPlan[];
}

/** Frozen depths to show, shares of the layers that may freeze. */
const SHARES = [0, 0.25, 0.5, 0.75, 1];

/** Measures and plans; leaves no process. Errors are those with which a run would fail at its start. */
export async function previewPlan(given: TrainConfig, kept: string | null = null): Promise<PlanPreview> {
  const { config, choice: microBatchChoice } = await withMicroBatch(startingConfig(given), kept);
  const setup = await setUpRunFrom(config, null);
  const { device, measured, seconds } = await measure(setup);
  const costs = measuredCosts(setup, measured);
  const { model, sampler, totalSteps, workers, microBatch, numMicroBatches } = setup;
  const disk = config.cacheDiskMb === 0 ? null : (config.cacheDir ?? tmpdir());
  const basis = planBasis(setup, { costs, rates: ratesOf(measured, disk) });
  const numLayers = countLayers(model.blocks);
  const epochs = totalSteps / sampler.stepsPerEpoch;
  let history: PlanHistory | null = null;
  const all = [...growingSizes(setup), ...depthsOf(setup, numLayers).map(whole(numLayers))];
  const plans = all.map(({ layers, growth, frozenLayers }, i): PreviewedPlan => {
    const frozen = frozenBlocks(model.blocks, frozenLayers);
    // Taken as reached at equal distances over the run.
    const epochsLeft = epochs * (1 - i / all.length);
    const planned: Planned = nextPlan(basis, history, {
      frozen,
      frozenLayers,
      epochsLeft,
      ...(growth === null ? {} : { growth }),
      because: frozen > 0 ? becauseFrozen(frozenLayers) : i === 0 ? 'the run starts' : becauseGrown(layers),
    });
    const { choice, event, cacheReason, plan } = planned;
    history = planned.history;
    return {
      ...choice,
      cuts: present(plan.replicas[0], 'replica 0').stages.map(({ from }) => from),
      layers,
      schedule: event.schedule,
      frozenLayers,
      frozen,
      usesCache: event.usesCache,
      cacheReason,
      grid: event.grid,
    };
  });
  return {
    model: model.name,
    ...(setup.dataset.summary === undefined ? {} : { data: setup.dataset.summary }),
    device,
    workers: workers.length,
    batch: config.batch,
    microBatch,
    microBatchChoice,
    numMicroBatches,
    totalSteps,
    stepsPerEpoch: sampler.stepsPerEpoch,
    numLayers,
    measureSeconds: seconds,
    trust: measured.trust,
    memoryLimit: basis.crew.memoryLimit,
    costs,
    handover: measured.handover,
    plans,
  };
}

const becauseGrown = (layers: number): string => `the model has grown to ${layers} layers`;

/** What a plan is shown for. */
interface Shown {
  readonly layers: number;
  /** Null where the model is whole. */
  readonly growth: PlannedGrowth | null;
  readonly frozenLayers: number;
}

const whole =
  (layers: number) =>
  (frozenLayers: number): Shown => ({ layers, growth: null, frozenLayers });

/** The sizes that a model has before it is whole. */
const growingSizes = ({ growth }: RunSetup): Shown[] =>
  (growth?.sizes ?? []).slice(0, -1).map(({ layers, absent }) => ({
    layers,
    growth: { absent: [...absent], born: [], asIdentity: false },
    frozenLayers: 0,
  }));

/** Layers frozen in the plans that are shown: none where nothing freezes. */
function depthsOf({ config, trained, dataset }: RunSetup, numLayers: number): number[] {
  const most = Math.min(
    makeRunPolicy(config, trained.pretrainedLayers).most?.(numLayers, dataset.numTrain) ?? numLayers,
    config.freezeMax ?? Math.max(0, numLayers - 1),
  );
  return [...new Set(SHARES.map((share) => Math.round(share * most)))];
}

/** Lets workers that are started for this alone measure the blocks. */
async function measure(setup: RunSetup) {
  const begin = performance.now();
  return withWorkers({ ...setup, programCache: null }, async (coordinator) => {
    const [member] = await coordinator.launch();
    const measured = await trustedMeasurement(() => coordinator.measureCosts());
    return { device: present(member, 'worker').device, measured, seconds: (performance.now() - begin) / 1000 };
  });
}

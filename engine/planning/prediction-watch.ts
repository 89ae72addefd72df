// PredictionWatch: compares the steps of a plan with what was predicted for them, once per plan. Where they are far
// apart it corrects the costs by what was measured, has them kept for later runs, and asks for a better plan. It
// touches no worker; a change of plan never changes a result.
import type { BlockCost } from '../../pipeline/costs.js';
import { median, type WorkerSpans } from '../../pipeline/measured-step.js';
import { present } from '../core/invariant.js';
import { correctedCosts } from '../costs/corrected-costs.js';
import type { RunEventBody } from '../events/events.js';
import type { StepResult } from '../protocol/step-result.js';
import type { Planned, PlanRequest, Replanner } from './replanner.js';

/** Steps of a plan that do not count: memory is touched for the first time. */
const WARM_UP = 3;
/** Steps whose median is compared. */
const WINDOW = 20;
/** Share of the prediction by which the median must differ. */
const TOLERANCE = 0.2;

/** What a finding needs done. */
export interface WatchHost {
  readonly step: number;
  emit(event: RunEventBody): void;
  request(because: string): PlanRequest;
  adopt(planned: Planned): Promise<void>;
}

interface SeenStep {
  readonly ms: number;
  readonly spans: readonly WorkerSpans[];
  readonly hits: number;
  readonly misses: number;
}

export class PredictionWatch {
  #costs: readonly BlockCost[];
  readonly #keep: (costs: readonly BlockCost[]) => void;
  #planned: Planned | null = null;
  #numSeen = 0;
  #steps: SeenStep[] = [];
  #isDue = false;

  /** `keep` puts corrected costs where later runs find them. */
  constructor(costs: readonly BlockCost[], keep: (costs: readonly BlockCost[]) => void) {
    this.#costs = costs;
    this.#keep = keep;
  }

  /** Watches the steps of this plan from now on. */
  begin(planned: Planned): void {
    this.#planned = planned;
    this.#numSeen = 0;
    this.#steps = [];
    this.#isDue = false;
  }

  add(seconds: number, { spans, cacheHits, cacheMisses }: StepResult): void {
    if (this.#planned === null || ++this.#numSeen <= WARM_UP || this.#numSeen > WARM_UP + WINDOW) return;
    const workers = [
      ...new Set(present(this.#planned.plan.replicas[0], 'replica 0').stages.map(({ worker }) => worker)),
    ];
    this.#steps.push({
      ms: seconds * 1000,
      spans: workers.map((worker) => spans.get(worker) ?? []),
      hits: cacheHits,
      misses: cacheMisses,
    });
    if (this.#steps.length === WINDOW) this.#isDue = Math.abs(this.#measuredMs / this.#predictedMs - 1) > TOLERANCE;
  }

  /** Whether the prediction of this plan was found to be off, and nothing has been done about it. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Corrects the costs, and changes the plan where another one is now predicted to be better by enough. */
  async settle(replanner: Replanner, host: WatchHost): Promise<void> {
    const { plan, event } = present(this.#planned, 'plan');
    this.#isDue = false;
    const [predictedStepMs, measuredStepMs] = [this.#predictedMs, this.#measuredMs];
    const extraMs = replanner.prefixMs(host.request(''), this.#isFilling);
    this.#costs = correctedCosts(
      this.#costs,
      plan,
      extraMs,
      this.#steps.map(({ spans }) => spans),
      replanner.slownessOf,
    );
    this.#keep(this.#costs);
    const begin = replanner.forMeasured(
      this.#costs,
      measuredStepMs,
      host.request(`steps took ${measuredStepMs.toFixed(1)} ms, not ${predictedStepMs.toFixed(1)} ms as predicted`),
    );
    const verdict =
      begin === null
        ? 'no other plan is predicted to be faster by enough'
        : `another plan is predicted to take ${begin.event.predictedStepMs.toFixed(1)} ms of computation`;
    const reason =
      `the median of ${WINDOW} steps of g${event.generation} is ${measuredStepMs.toFixed(1)} ms, predicted ` +
      `were ${predictedStepMs.toFixed(1)} ms; costs are corrected by what was measured; ${verdict}`;
    host.emit({
      type: 'prediction.off',
      step: host.step,
      generation: event.generation,
      predictedStepMs,
      measuredStepMs,
      steps: WINDOW,
      isReplanned: begin !== null,
      reason,
    });
    if (begin !== null) await host.adopt(begin);
  }

  get #measuredMs(): number {
    return median(this.#steps.map(({ ms }) => ms));
  }

  /** While a cache fills steps take longer than afterwards. */
  get #isFilling(): boolean {
    const sum = (pick: (step: SeenStep) => number): number =>
      this.#steps.reduce((total, step) => total + pick(step), 0);
    return sum(({ misses }) => misses) > sum(({ hits }) => hits);
  }

  get #predictedMs(): number {
    const { predictedStepMs, predictedFillMs, predictedReadMs } = present(this.#planned, 'plan').event;
    return (this.#isFilling ? predictedFillMs : predictedReadMs) ?? predictedStepMs;
  }
}

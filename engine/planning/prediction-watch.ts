// PredictionWatch: compares the steps of one plan with what was predicted for them, once. Where they are far apart it
// corrects the costs by what was measured and looks for a better plan; what comes of that is for others to carry out. A
// change of plan never changes a result.
import type { BlockCost } from '../../pipeline/costs.js';
import { median, type WorkerSpans } from '../../pipeline/measured-step.js';
import { present } from '../core/invariant.js';
import { correctedCosts } from '../costs/corrected-costs.js';
import type { RunEventBody } from '../events/events.js';
import type { StepResult } from '../protocol/step-result.js';
import type { PlanBasis } from './plan-basis.js';
import { prefixMs } from './plan-cache.js';
import { planForMeasured } from './plan-for-measured.js';
import type { PlanHistory } from './plan-history.js';
import type { Planned, PlanRequest } from './planned.js';

/** Steps of a plan that do not count: memory is touched for the first time. */
const WARM_UP = 3;
/** Steps whose median is compared. */
const WINDOW = 20;
/** Share of the prediction by which the median must differ. */
const TOLERANCE = 0.2;

/** What came of a prediction that was off. */
export interface Finding {
  /** The costs, corrected by what was measured. */
  readonly costs: readonly BlockCost[];
  /** The better plan, or null where none is predicted to be faster by enough. */
  readonly planned: Planned | null;
  readonly event: Extract<RunEventBody, { type: 'prediction.off' }>;
}

interface SeenStep {
  readonly ms: number;
  readonly spans: readonly WorkerSpans[];
  readonly hits: number;
  readonly misses: number;
}

export class PredictionWatch {
  readonly #planned: Planned;
  /** Workers of replica 0. */
  readonly #workers: readonly string[];
  #numSeen = 0;
  readonly #steps: SeenStep[] = [];
  #isDue = false;

  /** Watches the steps of this plan. */
  constructor(planned: Planned) {
    this.#planned = planned;
    const { stages } = present(planned.plan.replicas[0], 'replica 0');
    this.#workers = [...new Set(stages.map(({ worker }) => worker))];
  }

  add(seconds: number, { spans, cacheHits, cacheMisses }: StepResult): void {
    if (++this.#numSeen <= WARM_UP || this.#numSeen > WARM_UP + WINDOW) return;
    this.#steps.push({
      ms: seconds * 1000,
      spans: this.#workers.map((worker) => spans.get(worker) ?? []),
      hits: cacheHits,
      misses: cacheMisses,
    });
    if (this.#steps.length === WINDOW) this.#isDue = Math.abs(this.#measuredMs / this.#predictedMs - 1) > TOLERANCE;
  }

  /** Whether the prediction of this plan was found to be off, and nothing has been done about it. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /**
   * Corrects the costs of the basis by the steps that were seen, and looks for a better plan with them. `request` says
   * what that would have to respect, and why it is made.
   */
  settle(basis: PlanBasis, history: PlanHistory, step: number, request: (because: string) => PlanRequest): Finding {
    this.#isDue = false;
    const { generation } = this.#planned.event;
    const [predictedStepMs, measuredStepMs] = [this.#predictedMs, this.#measuredMs];
    const costs = this.#corrected(basis, request(''));
    const because = `steps took ${measuredStepMs.toFixed(1)} ms, not ${predictedStepMs.toFixed(1)} ms as predicted`;
    const planned = planForMeasured({ ...basis, costs }, history, measuredStepMs, request(because));
    const verdict =
      planned === null
        ? 'no other plan is predicted to be faster by enough'
        : `another plan is predicted to take ${planned.event.predictedStepMs.toFixed(1)} ms of computation`;
    const reason =
      `the median of ${WINDOW} steps of g${generation} is ${measuredStepMs.toFixed(1)} ms, predicted ` +
      `were ${predictedStepMs.toFixed(1)} ms; costs are corrected by what was measured; ${verdict}`;
    const isReplanned = planned !== null;
    const numbers = { generation, predictedStepMs, measuredStepMs, steps: WINDOW };
    return { costs, planned, event: { type: 'prediction.off', step, ...numbers, isReplanned, reason } };
  }

  #corrected(basis: PlanBasis, request: PlanRequest): BlockCost[] {
    const { plan } = this.#planned;
    const extraMs = prefixMs(basis, plan, request, this.#isFilling);
    const spans = this.#steps.map((step) => step.spans);
    return correctedCosts(basis.costs, plan, extraMs, spans, basis.crew.slownessOf);
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
    const { predictedStepMs, predictedFillMs, predictedReadMs } = this.#planned.event;
    return (this.#isFilling ? predictedFillMs : predictedReadMs) ?? predictedStepMs;
  }
}

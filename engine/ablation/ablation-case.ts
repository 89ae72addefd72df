// AblationCase: one row of an ablation: which parts of the engine are on, as settings laid over a configuration. It
// runs nothing.
import type { TrainConfig } from '../core/config.js';
import { workersOf } from '../run/devices.js';

/**
 * Stages of the baseline where the configuration leaves the number open: what PipeTransformer starts from on so few
 * devices.
 */
const BASELINE_STAGES = 2;
/** What freezes where the configuration names no policy. */
export const DEFAULT_POLICY: TrainConfig['freeze'] = 'auto';

export interface AblationCase {
  readonly name: string;
  readonly title: string;
  /** What is on, for people. */
  readonly description: string;
  readonly freezes: boolean;
  readonly settings: (config: TrainConfig) => Partial<TrainConfig>;
}

const baselineStages = ({ pipeline }: TrainConfig): number => (pipeline === 'auto' ? BASELINE_STAGES : pipeline);

/** Every worker has a place in the baseline, where its pipelines can be filled. */
function baselineReplicas(config: TrainConfig): number {
  if (config.replicas !== 'auto') return config.replicas;
  return Math.max(1, Math.floor(workersOf(config.devices).length / baselineStages(config)));
}

const policy = ({ freeze }: TrainConfig): TrainConfig['freeze'] => (freeze === 'none' ? DEFAULT_POLICY : freeze);
const baselineShape = (config: TrainConfig): Partial<TrainConfig> => ({
  pipeline: baselineStages(config),
  replicas: baselineReplicas(config),
  schedule: 'gpipe',
  dp: 'off',
  cache: 'off',
});

/** In the order of the table. */
export const ABLATION_CASES: readonly AblationCase[] = [
  {
    name: 'baseline',
    title: 'no freezing, GPipe',
    description: 'the baseline of PipeTransformer: nothing freezes, a GPipe pipeline of a fixed length',
    freezes: false,
    settings: (config) => ({ freeze: 'none', ...baselineShape(config) }),
  },
  {
    name: 'best',
    title: 'no freezing, best plan',
    description: 'nothing freezes, the planner chooses stages, replicas and schedule: the honest baseline',
    freezes: false,
    settings: () => ({ freeze: 'none', pipeline: 'auto', replicas: 'auto', dp: 'auto', cache: 'off' }),
  },
  {
    name: 'freeze',
    title: 'freezing only',
    description: 'the baseline with freezing: same stages, replicas and schedule throughout, no cache',
    freezes: true,
    settings: (config) => ({ freeze: policy(config), ...baselineShape(config) }),
  },
  {
    name: 'pipe-cache',
    title: '+ AutoPipe + AutoCache',
    description:
      'freezing; the planner chooses stages and schedule and shortens the pipeline; frozen activations are ' +
      'cached; as many replicas as the baseline',
    freezes: true,
    settings: (config) => ({
      freeze: policy(config),
      pipeline: 'auto',
      replicas: baselineReplicas(config),
      dp: 'pipe',
      cache: 'auto',
    }),
  },
  {
    name: 'pipe-dp',
    title: '+ AutoPipe + AutoDP',
    description: 'freezing; the planner chooses stages, replicas and schedule; no cache',
    freezes: true,
    settings: (config) => ({ freeze: policy(config), pipeline: 'auto', replicas: 'auto', dp: 'auto', cache: 'off' }),
  },
  {
    name: 'all',
    title: 'all',
    description: 'freezing, AutoPipe, AutoDP and AutoCache',
    freezes: true,
    settings: (config) => ({ freeze: policy(config), pipeline: 'auto', replicas: 'auto', dp: 'auto', cache: 'auto' }),
  },
];

/** One run of an ablation. */
export interface AblationStep {
  readonly case: AblationCase;
  readonly seed: number;
}

/**
 * All runs, seed by seed; with every seed the cases begin one later, so that no case is always the first on a cool
 * machine or the last on a busy one.
 */
export function ablationOrder(cases: readonly AblationCase[], seeds: readonly number[]): AblationStep[] {
  return seeds.flatMap((seed, round) =>
    cases.flatMap((_, i) => {
      const chosen = cases[(i + round) % cases.length];
      return chosen === undefined ? [] : [{ case: chosen, seed }];
    }),
  );
}

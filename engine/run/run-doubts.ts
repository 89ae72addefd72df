// RunDoubts: settings of a run that come to nothing in it, or to less than they say, because of how long it is and how
// many samples there are: one sentence each, with both numbers and what to do. It refuses nothing; what nobody reads
// whatever the data is in idle-settings.ts.
import { parseFreezeSchedule } from '../../freeze/manual.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { durationInSteps } from '../core/duration.js';
import { runLearningRate } from './run-learning-rate.js';
import type { RunSetup } from './run-setup.js';

type Sampler = Pick<RunSetup['sampler'], 'stepsPerEpoch'>;
type Run = Pick<RunSetup, 'config' | 'totalSteps' | 'workers'> & {
  readonly dataset: Pick<RunSetup['dataset'], 'numTrain' | 'numValidation' | 'numViews'>;
  readonly sampler: Sampler;
};

/** Sentences for warnings; none where every setting has its effect. */
export function runDoubts(run: Run): string[] {
  const doubts = [
    rateDoubt(run),
    warmupDoubt(run),
    freezeDoubt(run),
    batchDoubt(run),
    limitDoubt(run),
    viewsDoubt(run),
    recomputeDoubt(run),
    precisionDoubt(run),
  ];
  return doubts.filter((doubt) => doubt !== null);
}

/** What a bf16 run has none of where products are computed in float32. */
const precisionDoubt = ({ config }: Run): string | null =>
  config.precision === 'bf16'
    ? 'precision is bf16, and products are computed in float32 from rounded operands here: activations take half the ' +
      'memory, steps no less time than in fp32'
    : null;

/** Steps at which a rate is looked at. */
const MOST_LOOKS = 100;

const stepsText = (steps: number): string => `${steps} ${steps === 1 ? 'step' : 'steps'}`;

/** A rate of 0 wherever it is looked at. */
function rateDoubt(run: Run): string | null {
  const { config, totalSteps } = run;
  const rateAt = runLearningRate(run);
  const looks = Math.min(totalSteps, MOST_LOOKS);
  for (let i = 0; i < looks; i++) if (rateAt(Math.floor((i / looks) * totalSteps)) > 0) return null;
  return `the learning rate is 0 at every step (lr is "${config.lr}"): nothing is learned`;
}

function warmupDoubt({ config: { warmup }, totalSteps }: Run): string | null {
  // Below 1 it is a share of the run.
  if (warmup < 1 || warmup <= totalSteps) return null;
  const reached = Number(((100 * totalSteps) / warmup).toPrecision(2));
  return (
    `warmup takes ${warmup} steps, the run has ${totalSteps}: the learning rate gets no further than ${reached} % ` +
    'of what lr says; a warmup below 1 is a share of the run'
  );
}

/** A freeze that is due when the run is over. */
function freezeDoubt({ config, totalSteps, sampler: { stepsPerEpoch } }: Run): string | null {
  const { freeze, freezeSchedule, freezeInterval } = config;
  if (freeze === 'manual') {
    const late = parseFreezeSchedule(freezeSchedule).find(({ step }) => step >= totalSteps);
    if (late === undefined) return null;
    return (
      `freeze-schedule freezes ${late.layers} layers after step ${late.step}, the run has ` +
      `${stepsText(totalSteps)}: that is not reached`
    );
  }
  const interval = durationInSteps(freezeInterval, stepsPerEpoch);
  const { reads, needsTrained } = FREEZE_POLICIES.get(freeze);
  // Those that look at shares and norms decide once an interval; what was trained before may freeze at the start.
  const isByInterval = reads.some((option) => option === 'alpha' || option === 'percentile') && needsTrained !== true;
  if (!isByInterval || interval < totalSteps) return null;
  return (
    `freeze-interval "${freezeInterval}" is ${stepsText(interval)}, the run has ${totalSteps}: the freeze policy ` +
    `${freeze} never decides; a shorter interval lets it`
  );
}

function batchDoubt({ config: { batch }, dataset: { numTrain } }: Run): string | null {
  if (batch <= numTrain) return null;
  return (
    `batch is ${batch}, there are ${numTrain} training samples: every step takes all of them, and the rest of its ` +
    'places stay empty'
  );
}

function limitDoubt({ config: { limitSamples }, dataset: { numTrain, numValidation } }: Run): string | null {
  if (limitSamples === undefined || limitSamples <= Math.max(numTrain, numValidation)) return null;
  return (
    `limit-samples is ${limitSamples}, the data have ${numTrain} training and ${numValidation} validation samples: ` +
    'nothing is left out'
  );
}

function viewsDoubt({ config: { views }, dataset: { numViews }, totalSteps, sampler }: Run): string | null {
  const epochs = Math.ceil(totalSteps / sampler.stepsPerEpoch);
  if (views === undefined || numViews === undefined || numViews <= epochs) return null;
  return (
    `views is ${views}, the run has ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}, each of one view: the others are ` +
    'never seen'
  );
}

function recomputeDoubt({ config: { recompute, pipeline }, workers }: Run): string | null {
  const most = Math.max(workers.length, pipeline === 'auto' ? 1 : pipeline);
  const beyond = recompute.split(',').find((stage) => Number(stage) >= most);
  if (beyond === undefined) return null;
  return (
    `recompute names stage ${beyond}, counted from 0; with ${most} ${most === 1 ? 'worker' : 'workers'} there ` +
    `${most === 1 ? 'is 1' : `are at most ${most}`}`
  );
}

// RunDoubts: settings of a run that come to nothing in it, or to less than they say, because of how long it is and how
// many samples there are: one sentence each, with both numbers and what to do. It refuses nothing; what nobody reads
// whatever the data is in idle-settings.ts.
import { countLayers } from '../../freeze/layers.js';
import { parseFreezeSchedule } from '../../freeze/manual.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { sharedParameters } from '../model/shared-parameters.js';
import { halfWay } from '../tensor/jit/cpu-features.js';
import { OPTIMIZERS } from '../tensor/optimizers/registry.js';
import { deviceDoubt, hasKernels } from './devices.js';
import { freezeInterval } from './freeze-interval.js';
import { runLearningRate } from './run-learning-rate.js';
import type { RunSetup } from './run-setup.js';

type Sampler = Pick<RunSetup['sampler'], 'stepsPerEpoch'>;
type Run = Pick<RunSetup, 'config' | 'model' | 'totalSteps' | 'workers'> & {
  readonly growth?: RunSetup['growth'];
  readonly dataset: Pick<RunSetup['dataset'], 'numTrain' | 'numValidation' | 'numViews'>;
  readonly sampler: Sampler;
};

/** Sentences for warnings; none where every setting has its effect. */
export function runDoubts(run: Run): string[] {
  const doubts = [
    rateDoubt(run),
    clipDoubt(run),
    epsilonDoubt(run),
    decayDoubt(run),
    warmupDoubt(run),
    freezeDoubt(run),
    sharingDoubt(run),
    batchDoubt(run),
    limitDoubt(run),
    viewsDoubt(run),
    recomputeDoubt(run),
    precisionDoubt(run),
    deviceDoubt(run.config.devices),
    growthDoubt(run),
  ];
  return doubts.filter((doubt) => doubt !== null);
}

/** What a bf16 run has none of where products are computed in float32. */
const precisionDoubt = ({ config }: Run): string | null =>
  config.precision === 'bf16' && !(hasKernels(config) && halfWay().way !== 'widened')
    ? 'precision is bf16, and products are computed in float32 from rounded operands here: activations take half the ' +
      'memory, steps no less time than in fp32'
    : null;

/** Steps of an interval whose mean loss says something. */
const TELLING_STEPS = 5;

/** What `--grow auto` decides by where the run is short. */
const growthDoubt = ({ growth, totalSteps }: Run): string | null =>
  growth === undefined || growth === null || growth.policy.everyStep || growth.interval >= TELLING_STEPS
    ? null
    : `--grow ${growth.policy.name} decides by mean losses of ${stepsText(growth.interval)} in a run of ` +
      `${stepsText(totalSteps)}: so few say little; a schedule such as --grow 0:${growth.sizes[0]?.layers ?? 1},` +
      `${Math.ceil(totalSteps / 3)}:${growth.sizes.at(-1)?.layers ?? 2} says when`;

/** Steps at which a rate is looked at. */
const MOST_LOOKS = 100;
/** Above the root of any mean square of gradients that are clipped. */
const MOST_EPSILON = 1e3;

const stepsText = (steps: number): string => `${steps} ${steps === 1 ? 'step' : 'steps'}`;

/** Rates of the run, as far as they are looked at; a step that has none is refused by whoever trains it. */
function ratesOf(run: Run): number[] {
  const rateAt = runLearningRate(run);
  const looks = Math.min(run.totalSteps, MOST_LOOKS);
  return Array.from({ length: looks }, (_, i) => Math.floor((i / looks) * run.totalSteps)).flatMap((step) => {
    try {
      return [rateAt(step)];
    } catch {
      return [];
    }
  });
}

/** A rate of 0 wherever it is looked at; optimizers compute with 32 bits. */
function rateDoubt(run: Run): string | null {
  const rates = ratesOf(run);
  if (rates.length === 0 || rates.some((rate) => Math.fround(rate) > 0)) return null;
  const why = rates.some((rate) => rate > 0) ? ', too small for the 32 bits that it is computed with' : '';
  return `the learning rate is 0 at every step (lr is "${run.config.lr}"${why}): nothing is learned`;
}

function clipDoubt({ config: { clip } }: Run): string | null {
  if (clip === 0 || Math.fround(clip) > 0) return null;
  return `clip is ${clip}, which is 0 with 32 bits: every gradient is cut down to nothing; 0 switches clipping off`;
}

function epsilonDoubt({ config: { epsilon, optimizer } }: Run): string | null {
  if (epsilon <= MOST_EPSILON || !OPTIMIZERS.get(optimizer).reads.includes('epsilon')) return null;
  return `epsilon is ${epsilon}: gradients are divided by so much, and next to nothing is learned; usual is 1e-8`;
}

/** Weights that one step takes away whole. */
function decayDoubt(run: Run): string | null {
  const { weightDecay } = run.config;
  const rate = Math.max(0, ...ratesOf(run));
  if (rate * weightDecay < 1) return null;
  return (
    `weight-decay is ${weightDecay}, the learning rate gets to ${rate}: a step takes away ` +
    `${Number((rate * weightDecay).toPrecision(3))} times the weights themselves; usual is 0.01`
  );
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

/** What is frozen only with the last block that uses it, and that one may never be. */
function sharingDoubt({ config, model }: Run): string | null {
  const [uses] = sharedParameters(model.blocks);
  const [first, last] = [uses?.[0], uses?.at(-1)];
  if (config.freeze === 'none' || first === undefined || last === undefined) return null;
  const [block, other] = [first, last].map((use) => model.blocks[use.block]?.name);
  return (
    `${first.name} of block ${block} is one of block ${other} too: where only the first of the two is frozen, ` +
    'it goes on learning from the other, and nothing is cached of what the frozen blocks give'
  );
}

/** A freeze that is due when the run is over. */
function freezeDoubt({ config, model, totalSteps, sampler: { stepsPerEpoch } }: Run): string | null {
  const { freeze, freezeSchedule } = config;
  if (freeze === 'manual') {
    const entries = parseFreezeSchedule(freezeSchedule);
    const most = countLayers(model.blocks);
    const deep = entries.find(({ layers }) => layers > most);
    if (deep !== undefined)
      return `freeze-schedule freezes ${deep.layers} layers after step ${deep.step}, the model has ${most}`;
    if (entries.every(({ layers }) => layers === 0)) return `freeze-schedule "${freezeSchedule}" freezes 0 layers`;
    const late = entries.find(({ step }) => step >= totalSteps);
    if (late === undefined) return null;
    return (
      `freeze-schedule freezes ${late.layers} layers after step ${late.step}, the run has ` +
      `${stepsText(totalSteps)}: that is not reached`
    );
  }
  const interval = freezeInterval({ config, totalSteps, sampler: { stepsPerEpoch } });
  const { reads, needsTrained } = FREEZE_POLICIES.get(freeze);
  // Those that look at shares and norms decide once an interval; what was trained before may freeze at the start.
  const isByInterval = reads.some((option) => option === 'alpha' || option === 'percentile') && needsTrained !== true;
  if (!isByInterval || interval < totalSteps) return null;
  return (
    `freeze-interval "${config.freezeInterval ?? '1 epoch'}" is ${stepsText(interval)}, the run has ${totalSteps}: ` +
    `the freeze policy ${freeze} never decides; a shorter interval lets it`
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

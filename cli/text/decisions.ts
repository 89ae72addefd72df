// Decisions: what happened in a run, in full sentences: plans, freezes, transitions, the cache, failures. Pure text
// from events; steps are the status line's business.
import type { RunEvent } from '../../engine/events/events.js';
import { dataStory } from './data-text.js';
import { bytes, count, duration, millis, number, percent, plural, range } from './format.js';
import { microBatchLines } from './micro-batch-text.js';
import { distrustText } from './trust-text.js';

export type PlanMade = Extract<RunEvent, { type: 'plan.made' }>;
type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

/** One event as a headline and the details below it. */
export interface Story {
  readonly tone: 'plain' | 'good' | 'bad';
  readonly headline: string;
  readonly details: readonly string[];
  /** Lines to be kept as they are: the schedule grid. */
  readonly grid: readonly string[];
}

/** 2 stages x 1 replica */
export const shapeText = ({ K, R }: { readonly K: number; readonly R: number }): string =>
  `${plural(K, 'stage')} x ${plural(R, 'replica')}`;

const story = (headline: string, details: readonly string[] = [], tone: Story['tone'] = 'plain'): Story => ({
  tone,
  headline,
  details,
  grid: [],
});

/** What to tell about an event, or null where there is nothing to tell. `before` is the plan in force until then. */
export function tell(event: RunEvent, before: PlanMade | null): Story | null {
  switch (event.type) {
    case 'run.started':
      return tellStart(event);
    case 'data.read':
      return story(...dataStory(event));
    case 'resumed':
      return tellResumed(event);
    case 'weights.loaded':
      return tellWeights(event);
    case 'prediction.off':
      return story(event.reason, [], event.isReplanned ? 'good' : undefined);
    case 'microBatch.chosen':
      return tellMicroBatch(event);
    case 'costs.measured':
      return tellCosts(event);
    case 'plan.made':
      return tellPlan(event, before);
    case 'programs.ready':
      return tellPrograms(event);
    case 'transition':
      return tellTransition(event);
    case 'grow.decided':
      return tellGrowth(event);
    case 'freeze.decided':
      return tellFreeze(event);
    case 'freeze.rolledBack':
      return tellRollBack(event);
    case 'guard.looked':
      return tellGuard(event);
    case 'cache.changed':
      return tellCache(event);
    case 'evaluation':
      return tellEvaluation(event);
    case 'stopped.early':
      return tellStop(event);
    case 'checkpoint.saved':
      return tellCheckpoint(event);
    case 'checkpoint.failed':
      return tellMissedCheckpoint(event);
    case 'worker.joined':
      return tellJoined(event);
    case 'worker.left':
      return story(`worker ${event.worker} left at step ${event.step}`);
    case 'worker.lost':
      return story(`worker ${event.worker} is lost: ${event.reason}`, [], 'bad');
    case 'peer.dropped':
      return tellDropped(event);
    case 'recovered':
      return tellRecovery(event);
    case 'events.damaged':
    case 'events.lost':
      return tellGap(event);
    case 'warning':
      return story(`warning: ${event.message}`, [], 'bad');
    default:
      return null;
  }
}

const tellResumed = ({ step, checkpoint, otherBits }: EventOf<'resumed'>): Story =>
  story(
    `goes on after ${plural(step, 'step')}, from ${checkpoint}`,
    otherBits === undefined ? [] : [`with other bits than before: ${otherBits.join('; ')}`],
  );

/** What the file of events has lost. */
function tellGap(event: EventOf<'events.damaged' | 'events.lost'>): Story {
  const headline =
    event.type === 'events.damaged'
      ? `${bytes(event.bytes)} in the file of events were no events; they are kept in ${event.file}`
      : `the events of steps ${event.fromStep} to ${event.toStep - 1} are lost; the checkpoint has what they did`;
  return story(headline, [], 'bad');
}

const why = ({ reason }: { readonly reason: string }): string[] => (reason === '' ? [] : [`why: ${reason}`]);

function tellStart(event: EventOf<'run.started'>): Story {
  const parameters = event.blocks.reduce((total, block) => total + block.parameters, 0);
  const layers = new Set(event.blocks.flatMap(({ layer }) => (layer === null ? [] : [layer]))).size;
  return story(`pipetrain ${event.version}: ${event.model} on ${event.data}`, [
    `model: ${plural(layers, 'layer')} in ${plural(event.blocks.length, 'block')}, ${count(parameters)} parameters`,
    ...growthLine(event, layers),
    ...(event.modelNotes ?? []),
    `data: ${count(event.numTrain)} training and ${count(event.numValidation)} validation samples`,
    `run: ${plural(event.stepsPlanned, 'step')} (${count(event.stepsPerEpoch)} per epoch) of ${event.batch} ` +
      `samples in micro-batches of ${event.microBatch}, seed ${event.seed}` +
      (event.precision === 'bf16' ? ', in bf16' : ''),
    `machine: ${event.machine}`,
  ]);
}

function growthLine({ growth }: EventOf<'run.started'>, layers: number): string[] {
  const [first, ...others] = growth?.sizes ?? [];
  if (growth === undefined || first === undefined || others.length === 0) return [];
  return [`growth: starts with ${first} of ${plural(layers, 'layer')}, then ${others.join(', ')} (${growth.way})`];
}

function tellWeights({ from, fromStep, loaded, fresh, unused }: EventOf<'weights.loaded'>): Story {
  const numBlocks = loaded.length + fresh.length;
  return story(
    `starts from the weights of ${from} (step ${fromStep}): ${plural(loaded.length, 'block')} of ${numBlocks}`,
    [
      ...fresh.map(({ block, why: reason }) => `${block} starts fresh: ${reason}`),
      ...(unused.length === 0 ? [] : [`not used: ${unused.join(', ')}`]),
    ],
  );
}

function tellMicroBatch(event: EventOf<'microBatch.chosen'>): Story {
  const [headline = '', ...trials] = microBatchLines(event);
  return story(`${headline} (measured in ${duration(event.seconds)})`, trials);
}

const tellCosts = ({ blocks, isCached, seconds, trust }: EventOf<'costs.measured'>): Story =>
  story(
    `costs of ${plural(blocks.length, 'block')} ` +
      (isCached ? 'known from an earlier run' : `measured in ${duration(seconds)}`),
    trust === undefined || trust.isGood ? [] : [distrustText(trust)],
  );

function tellRollBack(event: EventOf<'freeze.rolledBack'>): Story {
  const until = event.heldUntil > 1e12 ? 'any more' : `before step ${event.heldUntil}`;
  return story(
    `freeze rolled back at step ${event.step}: back to step ${event.toStep} and ` +
      `${plural(event.toLayers, 'frozen layer')} (from ${event.fromLayers}), no freezing ${until}`,
    why(event),
    'bad',
  );
}

function tellGuard(event: EventOf<'guard.looked'>): Story | null {
  if (event.watching === undefined) return null;
  return story(
    `guard at step ${event.step}: the freeze at step ${event.watching} ` +
      `${event.hurts === true ? 'hurts' : 'does no harm'} (${event.metricName} ${number(event.metric)})`,
    why(event),
  );
}

function tellCache(event: EventOf<'cache.changed'>): Story {
  if (event.state !== 'on') return story(`cache off at step ${event.step}`, why(event));
  return story(
    `cache on at step ${event.step}: outputs of the first ${plural(event.depth, 'block')}, ` +
      `${bytes(event.recordBytes)} per sample, room for ${plural(event.capacity, 'sample')}`,
    why(event),
    'good',
  );
}

function tellEvaluation(event: EventOf<'evaluation'>): Story {
  const { step, metricName, metric, metrics = { [metricName]: metric }, loss, samples, seconds } = event;
  const named = Object.entries(metrics)
    .filter(([name]) => name !== 'loss')
    .map(([name, value]) => `${name} ${number(value)}, `)
    .join('');
  return story(
    `validation at step ${step}: ${named}loss ${number(loss)} on ${plural(samples, 'sample')} in ${duration(seconds)}`,
  );
}

const tellStop = ({ step, best, since }: EventOf<'stopped.early'>): Story =>
  story(
    `stopped at step ${step}: ${plural(since, 'validation')} without a better ${best.name} than ` +
      `${number(best.value)} ` +
      `at step ${best.step}`,
  );

function tellCheckpoint(event: EventOf<'checkpoint.saved'>): Story {
  const stall = event.stallMs === undefined ? '' : `; training stood still for ${millis(event.stallMs)}`;
  return story(
    `checkpoint at step ${event.step}: ${event.path} (${bytes(event.bytes)}, ${duration(event.seconds)}${stall})`,
  );
}

const tellMissedCheckpoint = ({ step, code, reason }: EventOf<'checkpoint.failed'>): Story =>
  story(
    `warning: the checkpoint at step ${step} could not be written (${code}): ${reason}; the ones before ` +
      'are as they were',
    [],
    'bad',
  );

function tellJoined({ worker, origin, device }: EventOf<'worker.joined'>): Story | null {
  if (origin === undefined) return null;
  return story(`worker ${worker} joined: ${origin.name} on ${origin.host}, ${device}`, [], 'good');
}

function tellDropped({ peer, reason, count: times }: EventOf<'peer.dropped'>): Story {
  return story(`connection of ${peer} dropped: ${reason}${times > 1 ? ` (the ${times}th)` : ''}`, [], 'bad');
}

function tellRecovery({ seconds, step, fromStep, workers, lost, started = [] }: EventOf<'recovered'>): Story {
  const again = step > fromStep ? `, ${plural(step - fromStep, 'step')} are done again` : '';
  const replaced = started.length === 0 ? '' : `${started.join(', ')} started in place of ${lost.join(', ')}; `;
  return story(
    `recovered in ${duration(seconds)}: back to the snapshot after ${plural(fromStep, 'step')}${again}; ` +
      `${replaced}${plural(workers, 'worker')}`,
  );
}

function tellPrograms({ generation, seconds, traced, kept, fromDisk, compiled }: EventOf<'programs.ready'>): Story {
  const parts = [
    ...(kept > 0 ? [`${kept} in memory`] : []),
    ...(fromDisk > 0 ? [`${fromDisk} from the disk cache`] : []),
    ...(compiled > 0 ? [`${compiled} compiled`] : []),
    ...(traced > 0 ? [`${plural(traced, 'block graph')} traced`] : []),
  ];
  return story(`programs of g${generation} ready in ${duration(seconds)}: ${parts.join(', ')}`);
}

function tellTransition(event: EventOf<'transition'>): Story {
  const moved = event.movedBytes > 0 ? `, ${bytes(event.movedBytes)} moved` : '';
  const { parts } = event;
  const details =
    parts === undefined
      ? []
      : [
          `plan ${millis(parts.planMs)}, state ${millis(parts.stateMs)}, programs ` +
            `${millis(parts.compileMs)}, connections and the rest ${millis(parts.connectMs)}, snapshot ` +
            `${millis(parts.snapshotMs)}`,
        ];
  return story(
    `transition at step ${event.step}: ${event.from.K}x${event.from.R} -> ${event.to.K}x${event.to.R} in ` +
      `${duration(event.seconds)}${moved}`,
    details,
    'good',
  );
}

function tellPlan(event: PlanMade, before: PlanMade | null): Story {
  const shape =
    before === null
      ? `plan g${event.generation}: ${shapeText(event)}`
      : `plan g${before.generation} ${shapeText(before)} -> g${event.generation} ${shapeText(event)}`;
  const seats = event.stages.map(
    ({ worker, replica, stage, from, to }) =>
      `${worker} = replica ${replica} stage ${stage}, blocks ${range(from, to)}`,
  );
  return {
    tone: 'good',
    headline: shape,
    details: [
      `${event.schedule}, ${event.microBatches} micro-batch${event.microBatches === 1 ? '' : 'es'} per ` +
        `replica; predicted ${millis(event.predictedStepMs)} per step, bubble ${percent(event.predictedBubble)}`,
      ...why(event),
      `${seats.join('; ')}${event.idle.length > 0 ? `; idle: ${event.idle.join(', ')}` : ''}`,
      ...(event.frozen > 0
        ? [
            `blocks ${range(0, event.frozen)} ` +
              `frozen${event.usesCache ? ', their outputs come from the cache' : ''}${cachedSteps(event)}`,
          ]
        : []),
    ],
    // The grid of the first plan shows the idea; the later ones lie in plans/.
    grid: before === null ? event.grid.split('\n').filter((line) => line.trim() !== '') : [],
  };
}

const cachedSteps = ({ predictedFillMs, predictedReadMs }: PlanMade): string =>
  predictedFillMs === undefined || predictedReadMs === undefined
    ? ''
    : `; predicted ${millis(predictedFillMs)} per step while it fills, ${millis(predictedReadMs)} afterwards`;

function tellGrowth(event: EventOf<'grow.decided'>): Story {
  const { policy, way, step, fromLayers, toLayers, born, losses } = event;
  const copies = born.map(({ layer, like }) => `${layer} from ${like}`).join(', ');
  return story(
    `growth (${policy}) at step ${step}: ` +
      (toLayers > fromLayers
        ? `${fromLayers} -> ${plural(toLayers, 'layer')}`
        : `stays at ${plural(toLayers, 'layer')}`),
    [
      ...why(event),
      ...(born.length === 0 ? [] : [`new layers (${way}): ${copies}`]),
      // Those of a decision that changes nothing are in the events.
      ...(losses.length === 0 || toLayers === fromLayers
        ? []
        : [`mean losses: ${losses.map((loss) => number(loss, 4)).join(' ')}`]),
    ],
    toLayers > fromLayers ? 'good' : 'plain',
  );
}

/** Null where all stays as it is: there are forty of those in a run; `freeze-replay` has them with their reasons. */
function tellFreeze(event: EventOf<'freeze.decided'>): Story | null {
  if (event.toLayers === event.fromLayers && event.held === undefined) return null;
  const change =
    event.toLayers > event.fromLayers
      ? `layers ${range(0, event.toLayers)} frozen (${event.fromLayers} -> ${plural(event.toLayers, 'layer')}, ` +
        `${plural(event.toBlocks, 'block')})`
      : event.toLayers < event.fromLayers
        ? `rolled back from ${event.fromLayers} to ${plural(event.toLayers, 'frozen layer')}`
        : `held back at ${plural(event.toLayers, 'frozen layer')}: ${event.held ?? ''}`;
  const norms =
    event.norms.length === 0 ? [] : [`gradient norm by layer: ${event.norms.map((norm) => number(norm, 3)).join(' ')}`];
  return story(
    `freeze (${event.policy}) at step ${event.step}: ${change}`,
    [...why(event), ...norms],
    event.toLayers > event.fromLayers ? 'good' : 'plain',
  );
}

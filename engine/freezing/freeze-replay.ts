// FreezeReplay: a run's events as the question "what would this policy have done?", and the answer beside what the run
// did. Pure, from events and configuration alone.
import { countLayers } from '../../freeze/layers.js';
import type { FreezePolicyOptions } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { type RecordedSignals, type ReplayedDecision, replayOwn, replayPolicy } from '../../freeze/replay.js';
import type { TrainConfig } from '../core/config.js';
import { DataError } from '../core/errors.js';
import type { RunEvent } from '../events/events.js';
import { eventsOf } from '../events/summary.js';
import { freezePolicyOptions } from './freeze-policy.js';

type Decided = Extract<RunEvent, { type: 'freeze.decided' }>;
type RolledBack = Extract<RunEvent, { type: 'freeze.rolledBack' }>;

export interface FreezeReplay {
  readonly policy: string;
  /** True where policy and options are those of the run. */
  readonly isOwn: boolean;
  readonly numLayers: number;
  readonly decisions: readonly ReplayedDecision[];
  /** What the run did, by step: decisions that count, and returns. */
  readonly run: readonly (Decided | RolledBack)[];
}

export interface ReplayRequest extends Partial<Omit<FreezePolicyOptions, 'pretrainedLayers'>> {
  /** Of a policy of the registry. */
  readonly name: string;
  readonly maxLayers?: number | undefined;
  /** auto: as if all layers had started from pretrained weights, or none. Default: as they did. */
  readonly isPretrained?: boolean;
}

/** Throws a DataError (PT_NO_SIGNALS) where the run recorded nothing to replay, and as the policy's options do. */
export function replayFreezing(events: Iterable<RunEvent>, config: TrainConfig, request: ReplayRequest): FreezeReplay {
  const started = eventsOf(events, 'run.started').at(-1);
  const { signals, decisions, returns, steps } = effective(events);
  if (started === undefined || signals.length === 0)
    throw new DataError(
      'PT_NO_SIGNALS',
      'the run recorded no gradient norms of layers: it is shorter than one freeze interval, or an older ' +
        'version wrote it',
      'Replay a run of at least one --freeze-interval.',
    );
  const numLayers = countLayers(started.blocks);
  const own = freezePolicyOptions(config, started.pretrainedLayers ?? 0);
  const { name, maxLayers: most, isPretrained, ...given } = request;
  const pretrainedLayers = isPretrained === undefined ? own.pretrainedLayers : isPretrained ? numLayers : 0;
  const options = { ...own, ...given, pretrainedLayers };
  const ownMost = config.freezeMax ?? Math.max(0, numLayers - 1);
  const maxLayers = most ?? ownMost;
  const isOwn = name === config.freeze && maxLayers === ownMost && JSON.stringify(options) === JSON.stringify(own);
  const replay = {
    policy: FREEZE_POLICIES.get(name).make(options),
    signals,
    numLayers,
    maxLayers,
    totalSteps: started.stepsPlanned,
    numSamples: started.numTrain,
    steps,
  };
  return {
    policy: name,
    isOwn,
    numLayers,
    decisions: isOwn ? replayOwn(replay, decisions) : replayPolicy(replay),
    run: [...decisions, ...returns].sort((a, b) => a.step - b.step),
  };
}

/**
 * What counts of a run: the last word on every step, and nothing of what a roll-back undid, but the roll-backs
 * themselves.
 */
function effective(events: Iterable<RunEvent>): {
  readonly signals: RecordedSignals[];
  readonly decisions: Decided[];
  readonly returns: RolledBack[];
  readonly steps: number;
} {
  const signals: RecordedSignals[] = [];
  const decisions: Decided[] = [];
  const returns = new Map<string, RolledBack>();
  let steps = 0;
  for (const event of events)
    if (event.type === 'step') steps = event.step + 1;
    else if (event.type === 'freeze.signals') {
      dropFrom(signals, event.step);
      signals.push(event);
    } else if (event.type === 'freeze.decided') {
      dropFrom(decisions, event.step);
      decisions.push(event);
    } else if (event.type === 'freeze.rolledBack') {
      returns.set(`${event.step} ${event.toStep}`, event);
      dropFrom(signals, event.toStep + 1);
      dropFrom(decisions, event.toStep + 1);
    }
  return { signals, decisions, returns: [...returns.values()], steps };
}

/** Drops what a list has from a step on; it is in order. */
function dropFrom(list: { readonly step: number }[], step: number): void {
  while ((list.at(-1)?.step ?? -1) >= step) list.pop();
}

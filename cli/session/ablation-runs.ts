// AblationRuns: does the runs of an ablation one after the other, each an ordinary training run in a folder of its own,
// and reads those that are done already. It trains nothing itself and draws no conclusions.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordedRun } from '../../engine/ablation/ablation.js';
import type { AblationCase, AblationStep } from '../../engine/ablation/ablation-case.js';
import { ablationOrder } from '../../engine/ablation/ablation-case.js';
import type { TrainConfig } from '../../engine/core/config.js';
import { DataError, EXIT, messageOf, UsageError } from '../../engine/core/errors.js';
import { makeFolder } from '../../engine/core/made-folder.js';
import { EventFile } from '../../engine/events/event-file.js';
import { effectiveEvaluations, summarize } from '../../engine/events/summary.js';
import { wallSecondsOf } from '../../engine/events/time-shares.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { ResolvedConfig } from '../../engine/session/resolve-settings.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CliIo } from '../console/io.js';
import { outputTo } from '../console/output.js';
import { duration, number } from '../text/format.js';
import { runSession } from './run-session.js';
import type { CliServices } from './services.js';

export interface AblationRequest {
  readonly io: CliIo;
  readonly services: CliServices;
  readonly resolved: ResolvedConfig;
  readonly cases: readonly AblationCase[];
  readonly seeds: readonly number[];
  /** Folder of the whole ablation; one folder in it per run. */
  readonly out: string;
  /** Shows what each run shows. */
  readonly isVerbose: boolean;
  /** Progress, one line each. */
  readonly say: (line: string) => void;
  /** After every run that was done or read. */
  readonly onRecorded: (runs: readonly RecordedRun[]) => void;
}

/** All runs, or `interrupted` where a signal stopped one of them. */
export async function runAblation(request: AblationRequest): Promise<'done' | 'interrupted'> {
  const { cases, seeds, out, say, onRecorded } = request;
  const steps = ablationOrder(cases, seeds);
  for (const step of steps) await request.services.checkSettings(configOf(request, step));
  makeOut(out);
  // Before anything is trained: a folder of another ablation should not be noticed after an hour.
  const states = new Map<AblationStep, FolderState>();
  for (const step of steps) states.set(step, await stateOf(folderOf(out, step), configOf(request, step)));
  const recorded: RecordedRun[] = [];
  for (const [index, step] of steps.entries()) {
    const folder = folderOf(out, step);
    const label = `${index + 1}/${steps.length} ${step.case.name}, seed ${step.seed}`;
    const isDone = states.get(step) === 'done';
    if (!isDone) {
      if (states.get(step) === 'unfinished') await remove(folder);
      say(`${label}: runs (${step.case.title})`);
      if ((await train(request, step)) === 'interrupted') return 'interrupted';
    }
    const events = new EventFile(join(folder, 'events.jsonl'));
    recorded.push({ case: step.case, seed: step.seed, folder, events });
    const last = effectiveEvaluations(events).at(-1);
    const reached = last === undefined ? '' : `${last.metricName} ${number(last.metric)} in `;
    say(`${label}: ${isDone ? 'was done before' : 'done'}, ${reached}${duration(wallSecondsOf(events))}`);
    onRecorded(recorded);
  }
  return 'done';
}

/** Throws a DataError (PT_RUN_FOLDER) where the folder of the ablation cannot be made. */
function makeOut(out: string): void {
  try {
    makeFolder(out);
  } catch (error) {
    throw new DataError(
      'PT_RUN_FOLDER',
      `the folder ${out} cannot be made: ${messageOf(error)}`,
      'Check free space and permissions, or name another folder with --out.',
      { cause: error },
    );
  }
}

const folderOf = (out: string, { case: { name }, seed }: AblationStep): string => join(out, `${name}-seed${seed}`);

/**
 * What one run is configured with. A run starts as cold as every other one: nothing compiled or measured by another is
 * used, unless asked for.
 */
function configOf({ resolved: { config, origins }, out }: AblationRequest, step: AblationStep): TrainConfig {
  const isCacheAsked = (origins.get('programCache') ?? 'default') !== 'default';
  return {
    ...config,
    ...step.case.settings(config),
    ...(isCacheAsked ? {} : { programCache: 'off' }),
    seed: step.seed,
    out: folderOf(out, step),
    breakdown: false,
  };
}

async function train(request: AblationRequest, step: AblationStep): Promise<'done' | 'interrupted'> {
  const { io, services, resolved, isVerbose } = request;
  const config = configOf(request, step);
  const changed = Object.keys(config).filter(
    (name) => config[name as keyof TrainConfig] !== resolved.config[name as keyof TrainConfig],
  );
  const origins = new Map([
    ...resolved.origins,
    ...changed.map((name) => [name, `ablation ${step.case.name}`] as const),
  ]);
  const shown = isVerbose ? io : { ...io, stdout: outputTo(() => undefined, { ...io.stdout, isTerminal: false }) };
  const exit = await runSession({ io: shown, services, resolved: { config, origins }, json: false, quickstart: false });
  return exit === EXIT.interrupted ? 'interrupted' : 'done';
}

/** Removes a run that did not end, unless somebody is at it. Rejects with a UsageError (PT_RUN_HELD). */
async function remove(folder: string): Promise<void> {
  const lock = await RunFolder.open(folder).hold('pipetrain ablate');
  try {
    rmSync(folder, { recursive: true, force: true });
  } finally {
    lock.release();
  }
}

type FolderState = 'absent' | 'done' | 'unfinished';

/** Throws a UsageError (PT_ABLATION_OTHER) where the folder holds a run that was configured otherwise. */
async function stateOf(path: string, wanted: TrainConfig): Promise<FolderState> {
  if (!existsSync(join(path, 'config.resolved.yaml'))) return 'absent';
  const { config } = await resolveConfig({
    file: join(path, 'config.resolved.yaml'),
    env: {},
    flags: new Map(),
    modelDefaults: () => Promise.resolve({}),
  });
  const other = differing(config, wanted);
  if (other.length > 0)
    throw new UsageError(
      'PT_ABLATION_OTHER',
      `${path} holds a run of another configuration: ${other.join(', ')}`,
      'Name another folder with --out, or delete this one; runs of the same configuration are not done again.',
    );
  if (!existsSync(RunFolder.open(path).eventsPath)) return 'unfinished';
  return summarize(new EventFile(join(path, 'events.jsonl'))).status === 'finished' ? 'done' : 'unfinished';
}

/** Settings that differ, as `batch 32 instead of 64`; the folder itself does not count: it may have been moved. */
function differing(found: TrainConfig, wanted: TrainConfig): string[] {
  const names = [...new Set([...Object.keys(found), ...Object.keys(wanted)])].filter(
    (name) => name !== 'out',
  ) as (keyof TrainConfig)[];
  const text = (value: unknown): string => JSON.stringify(value) ?? 'unset';
  return names.flatMap((name) =>
    text(found[name]) === text(wanted[name]) ? [] : [`${name} ${text(found[name])} instead of ${text(wanted[name])}`],
  );
}

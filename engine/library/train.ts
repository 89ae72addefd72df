// Train and resume: a run from the settings of a program, or from its folder, begun in this process. Its workers are
// processes of their own, as everywhere. It prints nothing, and leaves signals, folder and exit code of the process
// alone.
import type { TrainConfigInput } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { EventFile } from '../events/event-file.js';
import { summarize } from '../events/summary.js';
import { workerEntry } from '../protocol/worker-entry.js';
import { RunFolder } from '../run/run-folder.js';
import { CHANGEABLE } from '../session/changeable-settings.js';
import { approveModel, isOwn, withoutPlaces } from '../session/foreign-run.js';
import { type ResolvedConfig, resolveRecorded, resolveSettings } from '../session/resolve-settings.js';
import type { SessionEngine } from '../session/run-session.js';
import { programLayer } from '../session/settings-layer.js';
import { runTrainedHere } from './folder-run.js';
import { endedRun, startRun } from './start-run.js';
import { cacheFolder, ownKey } from './this-user.js';
import type { RunOptions, TrainingRun } from './training-run.js';

/** The settings of docs/config.md in camelCase, e.g. `{ model: 'vit', data: 'synthetic:digits', microBatch: 8 }`. */
export type TrainSettings = TrainConfigInput;

/** What may be otherwise when a run goes on: its length, its shape and its speed, and where model and data lie. */
export type ResumeSettings = Partial<TrainConfigInput>;

export interface ResumeOptions extends RunOptions {
  /** Goes on where processor, kind of devices or version compute other bits than before; the events say so. */
  readonly acceptOtherBits?: boolean;
}

const engine: SessionEngine = {
  checkSettings: async (config) => {
    const { checkSettings } = await import('../run/check-settings.js');
    checkSettings(config);
  },
  runTraining: async (config, host, from) => {
    const { runTraining } = await import('../trainer/run-training.js');
    return runTraining(config, host, from);
  },
};

/**
 * Begins a run. Resolves when its settings are found good and its folder is made; then it trains. Rejects with a
 * UsageError for settings that cannot be (PT_CONFIG_KEY, PT_CONFIG_VALUE ... as of the command), with what loading the
 * model throws, with PT_INSTALLATION where the package is not whole, and with the reason of a signal that is aborted
 * already. What comes up later ends `result`.
 */
export async function train(settings: TrainSettings, options: RunOptions = {}): Promise<TrainingRun> {
  options.signal?.throwIfAborted();
  // What lacks the program of workers lacks more, which would be told in other words.
  workerEntry();
  requirePaths(settings);
  const resolved = await resolveSettings([programLayer(settings, 'train()')], async (model) => {
    const { loadModelDefinition } = await import('../model/load-model.js');
    return (await loadModelDefinition(model)).defaults;
  });
  return startRun(opening(resolved, 'train()', options), options);
}

/**
 * Goes on with a run from its newest whole checkpoint, in its folder, as `pipetrain resume` does. Of a run that is
 * finished nothing is left to do unless `epochs` or `steps` ask for more than it has: `result` is there at once.
 * Rejects with a UsageError: PT_RUN_NOT_FOUND, PT_RUN_HELD where another process writes into the folder,
 * PT_MODEL_UNTRUSTED where the model is a file that this user did not begin the run with and `settings` do not name;
 * and as the command does where model or data have changed.
 */
export async function resume(
  folder: string,
  settings: ResumeSettings = {},
  options: ResumeOptions = {},
): Promise<TrainingRun> {
  options.signal?.throwIfAborted();
  // What lacks the program of workers lacks more, which would be told in other words.
  workerEntry();
  requirePaths(settings);
  const run = RunFolder.open(folder);
  // Before the checkpoints are looked at: whoever writes the run may be writing one.
  const lock = await run.hold('resume()');
  try {
    return await goOn(run, settings, options, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function goOn(
  folder: RunFolder,
  settings: ResumeSettings,
  options: ResumeOptions,
  release: () => void,
): Promise<TrainingRun> {
  const [{ newestResumePoint }, { sameModel }] = await Promise.all([
    import('../checkpoint/run-checkpoint.js'),
    import('../checkpoint/resumed-setup.js'),
  ]);
  const { point, refused } = newestResumePoint(folder.checkpointsPath);
  const layer = programLayer(settings, 'resume()', CHANGEABLE);
  const given = new Set(Object.keys(settings));
  const key = ownKey();
  const { config, dropped } = isOwn(point, key)
    ? { config: point.manifest.config, dropped: [] }
    : withoutPlaces(point.manifest.config, given);
  const resolved = await resolveRecorded(`run ${folder.path}`, config, layer);
  const source = await sameModel(resolved.config.model, point);
  const { status, steps } = summarize(new EventFile(folder.eventsPath));
  const isLonger = given.has('epochs') || given.has('steps');
  if (status === 'finished' && point.manifest.step >= steps && !isLonger) {
    release();
    return endedRun(runTrainedHere(folder));
  }
  const naming = (path: string): string => `resume('${folder.path}', { model: '${path}' })`;
  await approveModel({ naming, point, source, isNamed: given.has('model'), key, ask: null });
  const notices = [
    ...refused.map((problem) => `${problem}; the checkpoint before it is used`),
    ...(dropped.length === 0
      ? []
      : [`the run was not started here by you, so its places are not taken (${dropped.join(', ')})`]),
  ];
  const acceptsOtherBits = options.acceptOtherBits === true;
  const opened = { ...opening(resolved, 'resume()', options), resume: { folder, point, acceptsOtherBits } };
  return startRun(opened, options, notices, release);
}

const opening = (
  resolved: ResolvedConfig,
  command: string,
  { token }: RunOptions,
): Pick<Parameters<typeof startRun>[0], 'engine' | 'resolved' | 'command' | 'now' | 'host'> => ({
  engine,
  resolved,
  command,
  now: new Date(),
  host: { ownKey: ownKey(), token, ...cacheFolder() },
});

/** Workers are other processes, and load model and data by their names. Throws a UsageError (PT_PLUGIN_VALUE). */
function requirePaths(settings: ResumeSettings): void {
  for (const name of ['model', 'data', 'optimizer'] as const) {
    const value: unknown = settings[name];
    if (typeof value !== 'object' && typeof value !== 'function') continue;
    throw new UsageError(
      'PT_PLUGIN_VALUE',
      `${name} is given as a value; workers are other processes, which load it by its name or from its file`,
      name === 'model'
        ? "Export it as `model` from a file of its own, and give the path: { model: './my-model.ts' }."
        : 'Give its name, or the path of its file.',
    );
  }
}

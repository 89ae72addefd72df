// RunEnding: what a run does when its steps are done or somebody has asked it to stop: it validates, saves, and tells
// its results; a run that was not interrupted also measures what each part brought, where that is wanted.
import { writeSample } from '../inference/generate.js';
import { bestBy } from '../run/best.js';
import { measureBreakdown } from './breakdown.js';
import type { Recovery } from './recovery.js';
import type { RunScene } from './run-scene.js';
import type { RunTools } from './run-tools.js';

/**
 * Throws a DataError (PT_CHECKPOINT_WRITE) where the last checkpoint could not be written, and a NonFiniteError where
 * the weights that were saved validate to no number.
 */
export async function endRun(scene: RunScene, tools: RunTools, recovery: Recovery): Promise<void> {
  const { setup, host, stand } = scene;
  const { validations, saves, adoption } = tools;
  const { progress } = stand;
  if (validations.areBehind) await validations.whole(adoption.plan);
  const { weightsSha256, path } = await saves.last(adoption.plan);
  const isInterrupted = host.signal.aborted;
  if (!isInterrupted) validations.requireFinite();
  const wallSeconds = (performance.now() - stand.startedAt) / 1000;
  if (!isInterrupted && setup.config.breakdown) await breakDown(scene, tools, recovery);
  if (!isInterrupted && host.quickstart === true) host.emit(writeSample(path, setup));
  host.emit({
    type: 'run.finished',
    steps: progress.steps,
    samplesSeen: progress.samplesSeen,
    finalLoss: progress.finalLoss,
    metric: { name: setup.model.metric.name, value: progress.metric?.value ?? Number.NaN },
    wallSeconds,
    trainSeconds: progress.trainSeconds,
    weightsSha256,
    ...bestOf(scene),
    lossSha256: progress.lossSha256,
    isInterrupted,
  });
}

/** Where somebody asked for it. */
function bestOf({ setup, stand }: RunScene): { readonly best?: { step: number; value: number; name: string } } {
  const { keepBest, patience } = setup.config;
  const { best } = stand.progress;
  if (best === null || (keepBest === 'off' && patience === undefined)) return {};
  const { step, value } = best;
  return { best: { step, value, name: bestBy(keepBest, setup.model.metric).name } };
}

/** The run is saved: a failure of this measurement costs the measurement only. */
async function breakDown(scene: RunScene, { adoption }: RunTools, recovery: Recovery): Promise<void> {
  const { setup, host, coordinator } = scene;
  try {
    const breakdown = await measureBreakdown(setup, coordinator, adoption.basis, adoption.history);
    if (breakdown !== null) host.emit(breakdown);
  } catch (error) {
    if (!recovery.isPossible(error)) throw error;
    host.emit({ type: 'warning', message: `the breakdown was given up: ${error.message}` });
  }
}

// MemoryRepair: how a run goes on whose folder in shared memory was taken away between or during steps. Workers keep
// what they have mapped, so nothing is lost yet: the folder is made anew, they put their state into it, and the plan
// begins once more from there. Where it went together with a worker, its state is gone, and so is the run.
import { messageOf } from '../core/errors.js';
import { memoryGone } from '../core/memory-gone.js';
import type { PlanAdoption } from './plan-adoption.js';
import type { Recovery } from './recovery.js';
import type { RunScene } from './run-scene.js';

/**
 * To be called between steps, where the folder is gone. Throws a WorkerError (PT_MEMORY_GONE) where it cannot be made
 * anew, or has no room for the state.
 */
export async function repairMemory(
  { coordinator, stand }: RunScene,
  adoption: PlanAdoption,
  recovery: Recovery,
): Promise<void> {
  const { path } = coordinator.memoryFolder;
  try {
    coordinator.remakeMemory();
  } catch (error) {
    throw memoryGone(path, `it cannot be made anew: ${messageOf(error)}`, error);
  }
  await coordinator.state.settled();
  const snapshot = stand.snapshots.begin(stand.step, stand.decisions(), performance.now(), stand.progress.save());
  const problem = await coordinator.state.snapshot(stand.step, snapshot.version);
  adoption.snapshotEnded(snapshot, problem);
  if (problem !== null) throw memoryGone(path, `it was made anew, and the state finds no place in it: ${problem}`);
  await recovery.recover(memoryGone(path, `it was made anew, and the run goes on from step ${stand.step}`));
}

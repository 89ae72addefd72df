// BoundaryGrowth: what growing does between two steps: it asks for the decision and has the plan made in which the new
// blocks are there, copied from those that they start like. When a model grows is decided in the growing room.
import type { RunScene } from './run-scene.js';
import type { RunTools } from './run-tools.js';

/** Grows where that is due. */
export async function growWhereDue({ host, stand }: RunScene, { adoption }: RunTools): Promise<void> {
  const { grower, step } = stand;
  if (!grower.isDue(step)) return;
  const { next } = grower;
  const event = grower.decide(step);
  host.emit(event);
  if (next === null || event.toLayers === event.fromLayers) return;
  await adoption.forGrown(`the model grows from ${event.fromLayers} to ${event.toLayers} layers`, next.born);
}

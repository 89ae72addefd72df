// LoadRun: a run that was trained, from its folder.
import { RunFolder } from '../run/run-folder.js';
import { programLayer } from '../session/settings-layer.js';
import { FolderRun } from './folder-run.js';
import { RUN_PLACES, type RunPlaces } from './run-places.js';
import type { TrainedRun } from './trained-run.js';

/**
 * A run from its folder. Throws a UsageError: PT_RUN_NOT_FOUND where there is none, PT_CONFIG_KEY for a place that is
 * none. The checkpoint is looked for when it is needed: then a DataError (PT_CHECKPOINT_MISSING, PT_CHECKPOINT_BROKEN)
 * where there is none or the newest is damaged, a UsageError (PT_MODEL_UNTRUSTED) where the model is a file that this
 * user has not trained here and `places` do not name.
 */
export const loadRun = (folder: string, places: RunPlaces = {}): TrainedRun => {
  programLayer(places, 'loadRun()', RUN_PLACES);
  return new FolderRun(RunFolder.open(folder), places, places.model !== undefined);
};

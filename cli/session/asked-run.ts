// AskedRun: a finished or going run that a command asks something of its newest checkpoint: with its own settings, data
// and model where the flags say that they lie now, and its model approved before it is run.
import type { Command } from 'commander';
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { TrainConfig } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { ConfigName } from '../../engine/run/setting-keys.js';
import { approveModel } from '../../engine/session/foreign-run.js';
import { resolveRecorded } from '../../engine/session/resolve-settings.js';
import { configFlagsOf } from '../config/config-flags.js';
import { flagLayer } from '../config/config-layers.js';
import type { CommandContext } from './command-context.js';
import { ownKeyOf } from './own-key-of.js';

/** Where things lie may be different from before. */
export const PLACES: readonly ConfigName[] = ['model', 'data', 'dataOptions'];

export interface AskedRun {
  readonly point: ResumePoint;
  readonly config: TrainConfig;
}

/**
 * Of the run in the folder `run`, for a command with the flags of PLACES. Checkpoints that cannot be used are said and
 * passed over. Throws where there is none, and where the model is of somebody else and not approved.
 */
export async function askedRun(
  { io, services }: Pick<CommandContext, 'io' | 'services'>,
  command: Command,
  run: string,
): Promise<AskedRun> {
  const { point, refused } = await services.resultPoint(RunFolder.open(run));
  for (const problem of refused) io.stderr.lines([`warning: ${problem}; another checkpoint is used`]);
  const flags = configFlagsOf(command);
  const { config } = await resolveRecorded(`run ${run}`, point.manifest.config, flagLayer(flags));
  const source = await services.modelOf(config.model, point);
  await approveModel({
    naming: (path) => `pipetrain ${command.name()} ${run} --model ${path}`,
    point,
    source,
    isNamed: flags.has('model'),
    key: ownKeyOf(io),
    ask: io.ask,
  });
  return { point, config };
}

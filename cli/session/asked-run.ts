// AskedRun: a finished or going run that a command asks something of its newest checkpoint: with its own settings, data
// and model where the flags say that they lie now, and its model approved before it is run.
import type { Command } from 'commander';
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { TrainConfig } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { configFlagsOf } from '../config/config-flags.js';
import type { ConfigName } from '../config/config-keys.js';
import { resolveRecorded } from '../config/resolve-config.js';
import type { CommandContext } from './command-context.js';
import { approveModel, ownKeyOf } from './foreign-run.js';

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
  const { config } = await resolveRecorded(`run ${run}`, point.manifest.config, flags);
  const source = await services.modelOf(config.model, point);
  const [typed, isNamed, key] = [`pipetrain ${command.name()} ${run}`, flags.has('model'), ownKeyOf(io)];
  await approveModel(io, { command: typed, point, source, isNamed, key });
  return { point, config };
}

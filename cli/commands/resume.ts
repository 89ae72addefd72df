// pipetrain resume: an interrupted run goes on from its newest whole checkpoint, in any shape.
import { Command } from 'commander';
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { EXIT, type ExitCode, PipetrainError } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import { summarize } from '../../engine/events/summary.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { CHANGEABLE } from '../../engine/session/changeable-settings.js';
import { approveModel, isOwn, withoutPlaces } from '../../engine/session/foreign-run.js';
import { resolveRecorded } from '../../engine/session/resolve-settings.js';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import { flagLayer } from '../config/config-layers.js';
import { addTokenFlags, refuseIdleToken, TOKEN_OF_JOINERS, type TokenFlags, tokenOf } from '../config/token-flags.js';
import type { CommandContext } from '../session/command-context.js';
import { ownKeyOf } from '../session/own-key-of.js';
import { runSession } from '../session/run-session.js';
import { plural } from '../text/format.js';

interface ResumeFlags extends TokenFlags {
  readonly json?: boolean;
  readonly acceptOtherBits?: boolean;
}

export function resumeCommand(context: CommandContext): Command {
  const { exitWith } = context;
  const command = new Command('resume')
    .summary('go on with an interrupted run')
    .description(
      'Goes on with a run from its newest whole checkpoint, in the same folder. Workers, stages and replicas ' +
        'may be others than before: the result is the one of a run that was never interrupted. A run that is ' +
        'finished is left as it is, unless --epochs or --steps ask for more than it has: it then goes on from its ' +
        'end, and says what becomes of the learning rate.',
    )
    .argument('<run>', 'run folder')
    .option('--json', 'print the events as JSON lines instead of the console view')
    .option(
      '--accept-other-bits',
      'go on where processor, kind of devices or version compute other bits than before; the events say so',
    )
    .addHelpText(
      'after',
      '\nExamples (the first until Ctrl-C):\n  pipetrain train --model vit --data synthetic:digits --out digits\n' +
        '  pipetrain resume digits\n  pipetrain resume digits --devices cpu:4 --pipeline 2\n  pipetrain ' +
        'resume digits --epochs 20',
    );
  addTokenFlags(command, TOKEN_OF_JOINERS);
  addConfigFlags(command, CHANGEABLE);
  return command.action(
    exitWith(async (run: string, options: ResumeFlags) => {
      const folder = RunFolder.open(run);
      // Before the checkpoints are looked at: whoever writes the run may be writing one.
      const lock = await folder.hold('pipetrain resume');
      try {
        return await goOn(context, folder, command, options);
      } finally {
        lock.release();
      }
    }),
  );
}

/**
 * Throws a ModelError (PT_MODEL_CHANGED) where the model of a finished run is another one than it was: whoever resumes
 * it should not take its result for that of the model that is there now. A model that is gone is needed no more.
 */
async function refuseOtherModel(services: CommandContext['services'], point: ResumePoint): Promise<void> {
  try {
    await services.modelOf(String(point.manifest.config['model']), point);
  } catch (error) {
    if (error instanceof PipetrainError && error.code === 'PT_MODEL_CHANGED') throw error;
  }
}

/** The folder is held by this process. */
async function goOn(
  { io, services }: CommandContext,
  folder: RunFolder,
  asked: Command,
  options: ResumeFlags,
): Promise<ExitCode> {
  const flags = configFlagsOf(asked);
  const { point, refused } = await services.resumePoint(folder);
  const { status, steps } = summarize(new EventFile(folder.eventsPath));
  const isLonger = flags.has('epochs') || flags.has('steps');
  if (status === 'finished' && point.manifest.step >= steps && !isLonger) {
    await refuseOtherModel(services, point);
    // Events alone go to the output of --json.
    const output = options.json === true ? io.stderr : io.stdout;
    output.lines([
      `${folder.path} is finished: all ${plural(steps, 'step')} are done, nothing is left to do, nothing was changed`,
      `for more epochs: pipetrain resume ${folder.path} --epochs N, N counted from its beginning`,
      `to train on from its weights: pipetrain train ... --init-from ${folder.path}`,
    ]);
    return EXIT.done;
  }
  for (const problem of refused) io.stderr.lines([`warning: ${problem}; the checkpoint before it is used`]);
  const key = ownKeyOf(io);
  const { config, dropped } = isOwn(point, key)
    ? { config: point.manifest.config, dropped: [] }
    : withoutPlaces(point.manifest.config, new Set(flags.keys()));
  if (dropped.length > 0)
    io.stderr.lines([
      `warning: the run was not started here by you, so its places are not taken (${dropped.join(', ')}); give the ` +
        'flags to use them',
    ]);
  const resolved = await resolveRecorded(`run ${folder.path}`, config, flagLayer(flags));
  refuseIdleToken(asked, resolved.config);
  const source = await services.modelOf(resolved.config.model, point);
  const naming = (path: string): string => `pipetrain resume ${folder.path} --model ${path}`;
  await approveModel({ naming, point, source, isNamed: flags.has('model'), key, ask: io.ask });
  return runSession({
    io,
    services,
    resolved,
    json: options.json === true,
    quickstart: false,
    token: tokenOf(options, io),
    tokenFile: options.tokenFile,
    resume: { folder, point, acceptsOtherBits: options.acceptOtherBits === true },
  });
}

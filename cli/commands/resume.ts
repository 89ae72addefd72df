// pipetrain resume: an interrupted run goes on from its newest whole checkpoint, in any shape.
import { Command } from 'commander';
import { RunFolder } from '../../engine/run/run-folder.js';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import type { ConfigName } from '../config/config-keys.js';
import { TOKEN_VARIABLE } from '../config/config-layers.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from '../session/command-context.js';
import { runSession } from '../session/run-session.js';

/** What may be different from before: it changes the shape and the speed of the run, never its result. */
const CHANGEABLE: readonly ConfigName[] = [
  'devices',
  'pipeline',
  'replicas',
  'dp',
  'partition',
  'schedule',
  'cache',
  'cacheMb',
  'cacheDiskMb',
  'cacheDir',
  'verifyCache',
  'checkpointEvery',
  'keep',
  'maxRestarts',
  'stepTimeoutSeconds',
  'heartbeatSeconds',
  'port',
  'listen',
  'tlsCert',
  'tlsKey',
  'memoryDir',
  'breakdown',
];

export function resumeCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('resume')
    .summary('go on with an interrupted run')
    .description(
      'Goes on with a run from its newest whole checkpoint, in the same folder. Workers, stages and replicas ' +
        'may be others than before: the result is the one of a run that was never interrupted.',
    )
    .argument('<run>', 'run folder')
    .option('--json', 'print the events as JSON lines instead of the console view')
    .option(
      '--token <secret>',
      'what workers that join must know, with --listen (default: a random one; or PIPETRAIN_TOKEN)',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain resume runs/20260101-120000-vit\n  pipetrain resume runs/20260101-120000-vit ' +
        '--devices cpu:4 --pipeline 2',
    );
  addConfigFlags(command, CHANGEABLE);
  return command.action(
    exitWith(async (run: string, options: { readonly json?: boolean; readonly token?: string }) => {
      const folder = RunFolder.open(run);
      // Before the checkpoints are looked at: whoever writes the run may be writing one.
      const lock = await folder.hold('pipetrain resume');
      try {
        const { point, refused } = await services.resumePoint(folder);
        for (const problem of refused) io.stderr.write(`warning: ${problem}; the checkpoint before it is used\n`);
        const resolved = await resolveConfig({
          file: null,
          env: {},
          preset: { name: `run ${run}`, values: point.manifest.config },
          flags: configFlagsOf(command),
          modelDefaults: () => Promise.resolve({}),
        });
        return await runSession({
          io,
          services,
          resolved,
          json: options.json === true,
          quickstart: false,
          token: options.token ?? io.env[TOKEN_VARIABLE],
          resume: { folder, point },
        });
      } finally {
        lock.release();
      }
    }),
  );
}

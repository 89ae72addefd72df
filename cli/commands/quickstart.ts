// pipetrain quickstart: a short run that needs no data and no settings, to see the whole thing work.
import { Command } from 'commander';
import { defaultsOfNamed } from '../../engine/session/foreign-run.js';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from '../session/command-context.js';
import { runSession } from '../session/run-session.js';

export function quickstartCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('quickstart')
    .summary('train a small language model on text that is already installed')
    .description(
      'Trains a small language model on the declaration files of the installed TypeScript, freezing layers ' +
        'and changing the pipeline on the way.',
    )
    .option('--json', 'print the events as JSON lines instead of the console view');
  addConfigFlags(command, ['steps', 'devices', 'seed', 'out']);
  return command.action(
    exitWith(async (options: { readonly json?: boolean }) => {
      const preset = { name: 'quickstart', values: await services.quickstartConfig() };
      // The environment is left out: a PIPETRAIN_DATA meant for other runs would break the promise that this one just
      // works.
      const resolved = await resolveConfig({
        file: null,
        env: {},
        flags: configFlagsOf(command),
        preset,
        modelDefaults: defaultsOfNamed((model) => services.modelDefaults(model)),
      });
      return runSession({ io, services, resolved, json: options.json === true, quickstart: true });
    }),
  );
}

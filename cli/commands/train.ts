// pipetrain train: a run from a configuration.
import { Command, Option } from 'commander';
import { showResolved } from '../../engine/session/resolved-yaml.js';
import { addConfigFlags } from '../config/config-flags.js';
import { addTokenFlags, refuseIdleToken, TOKEN_OF_JOINERS, type TokenFlags, tokenOf } from '../config/token-flags.js';
import type { CommandContext } from '../session/command-context.js';
import { runSession } from '../session/run-session.js';
import { resolvedSettings } from '../session/settings-of.js';

export function trainCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('train')
    .summary('train a model')
    .description(
      'Trains a model. Settings come from defaults, from what suits the model, from the file, from the ' +
        'environment (PIPETRAIN_*) and from flags; later ones win.',
    )
    .argument('[config]', 'YAML file with settings, named as the flags are, without the dashes')
    .option('--json', 'print the events as JSON lines instead of the console view')
    .addOption(
      new Option(
        '--print-config',
        'print the resolved configuration with where each value comes from, and stop',
      ).conflicts('json'),
    )
    .addHelpText(
      'after',
      '\nExamples, with data that are always there:\n  ' +
        'pipetrain train --model vit --data synthetic:digits --epochs 3\n  pipetrain train --model gpt --data ' +
        'synthetic:text --steps 200 --freeze paper\n  pipetrain train --model bert --data synthetic:sentiment ' +
        '--devices cpu:2\n  pipetrain train --model bert --data synthetic:sentiment --print-config',
    );
  addTokenFlags(command, TOKEN_OF_JOINERS);
  addConfigFlags(command);
  return command.action(
    exitWith(
      async (
        file: string | undefined,
        options: TokenFlags & { readonly json?: boolean; readonly printConfig?: boolean },
      ) => {
        const resolved = await resolvedSettings({ io, services }, command, file);
        if (options.printConfig === true) {
          io.stdout.write(showResolved(resolved));
          return 0;
        }
        refuseIdleToken(command, resolved.config);
        return runSession({
          io,
          services,
          resolved,
          json: options.json === true,
          quickstart: false,
          token: tokenOf(options, io),
          tokenFile: options.tokenFile,
        });
      },
    ),
  );
}

// pipetrain train: a run from a configuration.
import { Command } from 'commander';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import { resolveConfig } from '../config/resolve-config.js';
import { showResolved } from '../config/resolved-yaml.js';
import { addTokenFlags, TOKEN_OF_JOINERS, type TokenFlags, tokenOf } from '../config/token-flags.js';
import type { CommandContext } from '../session/command-context.js';
import { defaultsOfNamed } from '../session/foreign-run.js';
import { runSession } from '../session/run-session.js';

export function trainCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('train')
    .summary('train a model')
    .description(
      'Trains a model. Settings come from defaults, from what suits the model, from the file, from the ' +
        'environment (PIPETRAIN_*) and from flags; later ones win.',
    )
    .argument('[config]', 'YAML file with settings, named as the flags are, without the dashes')
    .option('--json', 'print the events as JSON lines instead of the console view')
    .option('--print-config', 'print the resolved configuration with where each value comes from, and stop')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data mnist:./mnist --epochs 3\n  pipetrain train ' +
        'examples/gpt.yaml --freeze paper --devices cpu:4\n  pipetrain train examples/gpt.yaml --print-config',
    );
  addTokenFlags(command, TOKEN_OF_JOINERS);
  addConfigFlags(command);
  return command.action(
    exitWith(
      async (
        file: string | undefined,
        options: TokenFlags & { readonly json?: boolean; readonly printConfig?: boolean },
      ) => {
        const resolved = await resolveConfig({
          file: file ?? null,
          env: io.env,
          flags: configFlagsOf(command),
          modelDefaults: defaultsOfNamed(services),
        });
        if (options.printConfig === true) {
          io.stdout.write(showResolved(resolved));
          return 0;
        }
        return runSession({
          io,
          services,
          resolved,
          json: options.json === true,
          quickstart: false,
          token: tokenOf(options, io),
        });
      },
    ),
  );
}

// pipetrain plan: the plan a run would start with, and what it would become as layers freeze. Measures, but does not
// train.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from '../session/command-context.js';
import { defaultsOfNamed } from '../session/foreign-run.js';
import { planLines } from '../text/plan-text.js';

/** A file or a pipe gets the tables whole. */
const PLAIN_COLUMNS = 120;

export function planCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('plan')
    .summary('show the plan of a run without training')
    .description(
      'Measures what the blocks of a model cost here, and shows the plan a run would start with and those it ' +
        'would have as layers freeze: stages, schedule, memory, predicted step time, and why each alternative ' +
        'lost. Takes the settings of train.',
    )
    .argument('[config]', 'YAML file with settings, named as the flags are, without the dashes')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain plan examples/gpt.yaml --devices cpu:4\n  pipetrain plan --model vit --data ' +
        'mnist:./mnist --freeze paper',
    );
  addConfigFlags(command);
  return command.action(
    exitWith(async (file: string | undefined, { json }: { readonly json?: boolean }) => {
      const { config } = await resolveConfig({
        file: file ?? null,
        env: io.env,
        flags: configFlagsOf(command),
        modelDefaults: defaultsOfNamed(services),
      });
      const preview = await services.previewPlan(config);
      const columns = io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS;
      io.stdout.lines(json === true ? [harmlessJson(preview)] : planLines(preview, columns));
      return 0;
    }),
  );
}

// pipetrain plan: the plan a run would start with, and what it would become as layers freeze. Measures, but does not
// train.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { addConfigFlags } from '../config/config-flags.js';
import type { CommandContext } from '../session/command-context.js';
import { settingsOf } from '../session/settings-of.js';
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
      '\nExamples:\n  pipetrain plan --model gpt --data synthetic:text --devices cpu:4\n  pipetrain plan --model ' +
        'vit --data synthetic:digits --freeze paper',
    );
  addConfigFlags(command);
  return command.action(
    exitWith(async (file: string | undefined, { json }: { readonly json?: boolean }) => {
      const { config } = await settingsOf({ io, services }, command, file);
      const preview = await services.previewPlan(config);
      const columns = io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS;
      io.stdout.lines(json === true ? [harmlessJson(preview)] : planLines(preview, columns));
      return 0;
    }),
  );
}

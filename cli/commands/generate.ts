// pipetrain generate: what a trained language model writes after a prompt.
import { Command } from 'commander';
import { harmless, harmlessJson } from '../../engine/core/harmless-text.js';
import { addConfigFlags } from '../config/config-flags.js';
import { numberOption } from '../config/number-option.js';
import { askedRun, PLACES } from '../session/asked-run.js';
import type { CommandContext } from '../session/command-context.js';
import { count } from '../text/format.js';

interface GenerateFlags {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function generateCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('generate')
    .summary('let a trained language model go on with a text')
    .description(
      'Writes what the newest checkpoint of a run says after a prompt, one token after the other. The same seed ' +
        'writes the same text.',
    )
    .argument('<run>', 'run folder')
    .requiredOption('--prompt <text>', 'the beginning of the text')
    .option(
      '--tokens <n>',
      'tokens to write',
      numberOption('--tokens', { least: 1, most: 100_000, isWhole: true }),
      200,
    )
    .option(
      '--temperature <t>',
      "how bold: 1 is the model's own distribution, 0 always the most probable token",
      numberOption('--temperature', { least: 0, most: 100 }),
      0.7,
    )
    .option(
      '--top-k <n>',
      'choose from the n most probable tokens; 0: from all',
      numberOption('--top-k', { least: 0, most: 1e9, isWhole: true }),
      0,
    )
    .option(
      '--top-p <share>',
      'choose from the fewest tokens that are so probable together; 1: from all',
      numberOption('--top-p', { least: 0, most: 1 }),
      1,
    )
    .option('--seed <n>', 'seed of the choices', numberOption('--seed', { least: 0, most: 2 ** 32, isWhole: true }), 1)
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      '\nThe data of the run must be where they were (or where --data says): they tell how text becomes tokens.\n\n' +
        'Examples:\n  pipetrain generate runs/plays --prompt "ROMEO:"\n  pipetrain generate runs/plays --prompt ' +
        '"ROMEO:" --tokens 400 --temperature 0.9 --top-p 0.95 --seed 7',
    );
  return addConfigFlags(command, PLACES).action(
    exitWith(async (run: string, { prompt, tokens: length, json, ...choice }: GenerateFlags) => {
      const { point, config } = await askedRun({ io, services }, command, run);
      const result = await services.generateText(point, config, prompt, { ...choice, length });
      if (result.unseen > 0)
        io.stderr.lines([
          `warning: the first ${count(result.unseen)} tokens of the prompt were not seen: the window is shorter`,
        ]);
      if (json === true) io.stdout.lines([harmlessJson(result)]);
      else io.stdout.lines(harmless(`${result.prompt}${result.text}`).split('\n'));
      return 0;
    }),
  );
}

// pipetrain predict: the classes of texts by a trained run, with probabilities, as JSON Lines or CSV.
import { Command, Option } from 'commander';
import { UsageError } from '../../engine/core/errors.js';
import { addConfigFlags } from '../config/config-flags.js';
import { askedRun, PLACES } from '../session/asked-run.js';
import type { CommandContext } from '../session/command-context.js';
import { count } from '../text/format.js';
import { PREDICTION_FORMATS, type PredictionFormat, predictionLines } from '../text/predictions.js';

interface PredictFlags {
  readonly text?: readonly string[];
  readonly file?: string;
  readonly format: PredictionFormat;
}

export function predictCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('predict')
    .summary('classify texts with a trained run')
    .description(
      'Writes the class of each text with the probability of every class, by the newest checkpoint of a run that ' +
        'classifies texts. They are cut and framed as the samples of the run were; what was cut, and what the ' +
        'tokenizer does not know, is said. Probabilities are the soft-max of what the last block leaves.',
    )
    .argument('<run>', 'run folder')
    .option('--text <text>', 'a text; may be given again', (text: string, before: readonly string[] = []) => [
      ...before,
      text,
    ])
    .option('--file <file>', 'a file with one text per line; blank lines are passed over')
    .addOption(new Option('--format <format>', 'of the result').choices(PREDICTION_FORMATS).default('jsonl'))
    .addHelpText(
      'after',
      '\nThe data of the run must be where they were (or where --data says): their texts tell how texts become ' +
        'tokens.\n\nExamples:\n  pipetrain predict runs/reviews --text "a moving film" --text "dull"\n  pipetrain ' +
        'predict runs/reviews --file reviews.txt --format csv > labels.csv',
    );
  return addConfigFlags(command, PLACES).action(
    exitWith(async (run: string, { text = [], file, format }: PredictFlags) => {
      const texts = [...text, ...(file === undefined ? [] : await services.textLines(file))];
      if (texts.length === 0)
        throw new UsageError('PT_PREDICT', 'there is no text to classify', 'Give --text TEXT, or --file FILE.');
      const { point, config } = await askedRun({ io, services }, command, run);
      const result = await services.predictTexts(point, config, texts);
      const cut = result.predictions.filter(({ isCut }) => isCut).length;
      if (cut > 0)
        io.stderr.lines([
          `warning: ${count(cut)} of ${count(texts.length)} texts were cut to ${count(result.sequence)} tokens`,
        ]);
      io.stdout.lines(predictionLines(result, format));
      return 0;
    }),
  );
}

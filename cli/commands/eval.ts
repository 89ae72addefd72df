// pipetrain eval: the metrics of a run, computed again from its newest checkpoint on one device.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { addConfigFlags } from '../config/config-flags.js';
import { askedRun, PLACES } from '../session/asked-run.js';
import type { CommandContext } from '../session/command-context.js';
import { dataLine } from '../text/data-text.js';
import { count } from '../text/format.js';

export function evalCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('eval')
    .summary('evaluate the newest checkpoint of a run')
    .description(
      'Computes loss and metrics of the newest checkpoint of a run on the whole validation set, on one device.',
    )
    .argument('<run>', 'run folder')
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      '\nModel and data are those of the run, by their digests; the flags say where they lie now. A model file of ' +
        'somebody else must be named.\n\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 ' +
        '--out digits\n  pipetrain eval digits',
    );
  return addConfigFlags(command, PLACES).action(
    exitWith(async (run: string, options: { readonly json?: boolean }) => {
      const { point, config } = await askedRun({ io, services }, command, run);
      const result = await services.evaluateCheckpoint(point, config);
      if (options.json === true) io.stdout.lines([harmlessJson(result)]);
      else {
        io.stdout.lines([`checkpoint  ${result.checkpoint} (step ${count(result.step)})`]);
        for (const [name, value] of Object.entries({ ...result.metrics, loss: result.loss }))
          io.stdout.lines([`${name.padEnd(10)}  ${value}`]);
        io.stdout.lines([`samples     ${count(result.samples)}`]);
        if (result.data !== null) io.stdout.lines([`data        ${dataLine(result.data)}`]);
      }
      return 0;
    }),
  );
}

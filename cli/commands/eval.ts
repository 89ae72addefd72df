// pipetrain eval: the metric of a run, computed again from its newest checkpoint on one device.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { CommandContext } from '../session/command-context.js';
import { approveModel, ownKeyOf } from '../session/foreign-run.js';
import { count } from '../text/format.js';

export function evalCommand({ io, services, exitWith }: CommandContext): Command {
  return new Command('eval')
    .summary('evaluate the newest checkpoint of a run')
    .description(
      'Computes loss and metric of the newest checkpoint of a run on the whole validation set, on one device.',
    )
    .argument('<run>', 'run folder')
    .option('--model <name|file>', 'where the model of the run lies now; needed for a model file of somebody else')
    .option('--json', 'print the result as one JSON object')
    .action(
      exitWith(async (run: string, options: { readonly json?: boolean; readonly model?: string }) => {
        const { point, refused } = await services.resumePoint(RunFolder.open(run));
        for (const problem of refused) io.stderr.lines([`warning: ${problem}; the checkpoint before it is used`]);
        const model = options.model ?? String(point.manifest.config['model']);
        const source = await services.modelOf(model, point);
        const [command, isNamed, key] = [`pipetrain eval ${run}`, options.model !== undefined, ownKeyOf(io)];
        await approveModel(io, { command, point, source, isNamed, key });
        const result = await services.evaluateCheckpoint(point, model);
        if (options.json === true) io.stdout.lines([harmlessJson(result)]);
        else {
          io.stdout.lines([`checkpoint  ${result.checkpoint} (step ${count(result.step)})`]);
          io.stdout.lines([`${result.metric.name.padEnd(10)}  ${result.metric.value}`]);
          // A language model may have the loss itself as its metric.
          if (result.metric.name !== 'loss') io.stdout.lines([`loss        ${result.loss}`]);
          io.stdout.lines([`samples     ${count(result.samples)}`]);
        }
        return 0;
      }),
    );
}

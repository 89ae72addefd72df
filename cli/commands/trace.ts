// pipetrain trace: what every worker of a run did when, as a file for viewers of traces.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { EventFile } from '../../engine/events/event-file.js';
import { StepsThatCount } from '../../engine/events/steps-that-count.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { readTrace } from '../../engine/trace/read-trace.js';
import { runTrace, type TraceFacts } from '../../engine/trace/run-trace.js';
import { traceJson } from '../../engine/trace/trace-json.js';
import type { CommandContext } from '../session/command-context.js';
import { writeDerivedFile } from '../session/derived-file.js';
import { count } from '../text/format.js';

interface TraceFlags {
  readonly out?: string;
  readonly json?: boolean;
}

export function traceCommand({ io, exitWith }: CommandContext): Command {
  return new Command('trace')
    .summary('write what every worker did when, for Perfetto and Chrome')
    .description(
      'Writes a run as a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open: a row per worker with its ' +
        'actions, its waits and for whom, arrows from stage to stage; above them plans, transitions, validations, ' +
        'checkpoints, recoveries and curves. Short runs are traced whole, of long ones the first steps of every plan ' +
        'and then ever fewer. Works while the run goes on.',
    )
    .argument('<run>', 'run folder')
    .option('--out <file>', 'the file to write; it must not exist (default: trace.json in the run folder)')
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out digits\n  pipetrain ' +
        'trace digits',
    )
    .action(
      exitWith((run: string, { out, json }: TraceFlags) => {
        const folder = RunFolder.open(run);
        const events = new EventFile(folder.eventsPath);
        const numSteps = new StepsThatCount(events).total;
        const facts: TraceFacts = { numTraced: 0, moved: new Set() };
        const steps = readTrace(folder.tracePath);
        const entries = runTrace({ events, numSteps, steps }, facts);
        const path = writeDerivedFile(folder, { out, name: 'trace.json' }, traceJson(entries));
        const { numTraced, moved } = facts;
        if (json === true) io.stdout.lines([harmlessJson({ out: path, numTraced, numSteps, moved: [...moved] })]);
        else {
          io.stdout.lines([`${path}`]);
          io.stdout.lines([`actions of ${count(numTraced)} of ${count(numSteps)} steps; open it in ui.perfetto.dev`]);
          if (moved.size > 0)
            io.stdout.lines([
              `times of ${[...moved].join(', ')} come from other clocks, and are moved to where results are in time`,
            ]);
        }
        return 0;
      }),
    );
}

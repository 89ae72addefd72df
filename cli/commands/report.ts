// pipetrain report: writes summary.json and report.html of a run anew from its events.
import { Command } from 'commander';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { CommandContext } from '../session/command-context.js';
import { writeResults } from '../session/run-session.js';

export function reportCommand({ io, exitWith }: CommandContext): Command {
  return new Command('report')
    .summary('write the report of a run, and print its path')
    .description(
      'Writes summary.json and report.html of a run anew from its events, and prints the path of the report. ' +
        'Works while the run goes on.',
    )
    .argument('<run>', 'run folder')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out digits\n  pipetrain ' +
        'report digits',
    )
    .action(
      exitWith((run: string) => {
        const folder = RunFolder.open(run);
        writeResults(folder);
        io.stdout.lines([`${folder.reportPath}`]);
        return 0;
      }),
    );
}

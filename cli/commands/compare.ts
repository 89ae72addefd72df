// pipetrain compare: two runs side by side. Exit code 0 where they computed the same bits, 1 where not.
import { Command } from 'commander';
import { EventFile } from '../../engine/events/event-file.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { CommandContext } from '../session/command-context.js';
import { compareRuns } from '../text/compare-runs.js';

export function compareCommand({ io, exitWith }: CommandContext): Command {
  return new Command('compare')
    .summary('two runs side by side; exit code 0 where they computed the same bits')
    .description(
      'Puts two runs side by side: fingerprints, loss, metric, time. The exit code is 0 where both ' +
        'fingerprints are equal, else 1.',
    )
    .argument('<a>', 'run folder')
    .argument('<b>', 'run folder')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out a\n  pipetrain train ' +
        '--model vit --data synthetic:digits --steps 20 --devices cpu:1 \\\n    --out b\n  pipetrain compare a b',
    )
    .action(
      exitWith((a: string, b: string) => {
        const [first, second] = [a, b].map((path) => ({
          name: path,
          events: new EventFile(RunFolder.open(path).eventsPath),
        }));
        const { lines, isEqual } = compareRuns(
          first as NonNullable<typeof first>,
          second as NonNullable<typeof second>,
        );
        io.stdout.lines(lines);
        return isEqual ? 0 : 1;
      }),
    );
}

// pipetrain grow-replay: when another growth policy would have grown a run, from its events.
import { Command } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { EventFile } from '../../engine/events/event-file.js';
import { replayGrowth } from '../../engine/growing/grow-replay.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from '../session/command-context.js';
import { growReplayLines } from '../text/grow-replay-text.js';

interface ReplayFlags {
  readonly grow?: string;
  readonly json?: boolean;
}

/** A file or a pipe gets the table whole. */
const PLAIN_COLUMNS = 160;

export function growReplayCommand({ io, exitWith }: CommandContext): Command {
  return new Command('grow-replay')
    .summary('when would another growth policy have grown a run?')
    .description(
      'Answers from the events of a run that grows when a policy would have grown it, beside what the run did. The ' +
        'policy sees the losses of the run as it was.',
    )
    .argument('<run>', 'run folder')
    .option('--grow <policy>', 'auto, or STEP:LAYERS pairs (default: as the run)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --epochs 2 --grow auto --out grown\n  ' +
        'pipetrain grow-replay grown',
    )
    .action(
      exitWith(async (run: string, { grow, json }: ReplayFlags) => {
        const folder = RunFolder.open(run);
        const { config } = await resolveConfig({
          file: folder.configPath,
          env: {},
          flags: new Map(),
          modelDefaults: () => Promise.resolve({}),
        });
        const replay = replayGrowth(new EventFile(folder.eventsPath), config, grow ?? config.grow);
        const columns = io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS;
        io.stdout.lines(json === true ? [harmlessJson(replay)] : growReplayLines(replay, columns));
        return 0;
      }),
    );
}

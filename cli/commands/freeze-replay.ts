// pipetrain freeze-replay: what another freeze policy would have done in a run, from its events.
import { Command } from 'commander';
import { UsageError } from '../../engine/core/errors.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { EventFile } from '../../engine/events/event-file.js';
import { replayFreezing, type ReplayRequest } from '../../engine/freezing/freeze-replay.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { decimalIn } from '../config/decimal.js';
import { refuseIdleFlags } from '../config/flag-checks.js';
import { resolveConfig } from '../config/resolve-config.js';
import type { CommandContext } from '../session/command-context.js';
import { parseAlpha, wholeNumber } from '../simulate/options.js';
import { replayLines } from '../text/replay-text.js';

interface ReplayFlags {
  readonly policy?: string;
  readonly alpha?: string;
  readonly schedule?: string;
  readonly percentile?: string;
  readonly start?: string;
  readonly budget?: string;
  readonly max?: string;
  readonly pretrained?: boolean;
  readonly json?: boolean;
}

/** A file or a pipe gets the table whole. */
const PLAIN_COLUMNS = 160;

export function freezeReplayCommand({ io, exitWith }: CommandContext): Command {
  const command = new Command('freeze-replay');
  return command
    .summary('what would another freeze policy have done?')
    .description(
      'Answers from the events of a run which layers a policy would have frozen and when, beside what the ' +
        'run did. Every run records the gradient norms it needs, also one with --freeze none. The policy sees ' +
        'the gradients of the run as it was; options that are not named are those of the run.',
    )
    .argument('<run>', 'run folder')
    .option('--policy <name>', `${FREEZE_POLICIES.names.join(', ')} (default: that of the run)`)
    .option('--alpha <share>', 'paper, alpha: share of the active layers that one decision may freeze')
    .option('--schedule <pairs>', 'manual: STEP:LAYERS pairs, e.g. 100:2,200:4')
    .option('--percentile <p>', 'change: percentile of the changes, 0 to 100')
    .option('--start <share>', 'anneal: share of the run after which the first layer freezes')
    .option('--budget <share>', 'auto: share of the learning that frozen layers may give up, 0 to 1')
    .option('--max <n>', 'most layers that may freeze')
    .option('--pretrained', 'auto: as if the run had started from pretrained weights')
    .option('--no-pretrained', 'auto: as if it had started from scratch')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --epochs 2 --out digits\n  pipetrain ' +
        'freeze-replay digits --policy paper --alpha 0.2\n  pipetrain freeze-replay digits --policy anneal ' +
        '--start 0.7',
    )
    .action(
      exitWith(async (run: string, flags: ReplayFlags) => {
        const folder = RunFolder.open(run);
        const { config } = await resolveConfig({
          file: folder.configPath,
          env: {},
          flags: new Map(),
          modelDefaults: () => Promise.resolve({}),
        });
        const request = requestOf(flags, config.freeze);
        refuseIdleFlags(command, idleReplayFlags(request.name));
        const replay = replayFreezing(new EventFile(folder.eventsPath), config, request);
        const columns = io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS;
        io.stdout.lines(flags.json === true ? [harmlessJson(replay)] : replayLines(replay, columns));
        return 0;
      }),
    );
}

/** Each flag is named as the option that a policy reads, or does not. */
function idleReplayFlags(policy: string): Record<string, string | null> {
  const { reads } = FREEZE_POLICIES.get(policy);
  const names = ['alpha', 'schedule', 'percentile', 'start', 'budget'] as const;
  return {
    ...Object.fromEntries(
      names.map((name) => [name, reads.includes(name) ? null : `the freeze policy ${policy} does not read it`]),
    ),
    max: policy === 'none' ? 'the freeze policy none freezes nothing' : null,
    pretrained:
      FREEZE_POLICIES.get(policy).needsTrained === true ? null : `the freeze policy ${policy} does not read it`,
  };
}

function requestOf(
  { policy, alpha, schedule, percentile, start, budget, max, pretrained }: ReplayFlags,
  own: string,
): ReplayRequest {
  return {
    name: FREEZE_POLICIES.get(policy ?? own).name,
    ...(alpha === undefined ? {} : { alpha: parseAlpha(alpha) }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(percentile === undefined ? {} : { percentile: within('percentile', percentile, 100) }),
    ...(start === undefined ? {} : { start: within('start', start, 1) }),
    ...(budget === undefined ? {} : { budget: within('budget', budget, 1) }),
    ...(max === undefined ? {} : { maxLayers: wholeNumber('max', max) }),
    ...(pretrained === undefined ? {} : { isPretrained: pretrained }),
  };
}

function within(flag: string, text: string, most: number): number {
  const value = decimalIn(text);
  if (value !== null && value >= 0 && value <= most) return value;
  throw new UsageError(
    'PT_USAGE',
    `--${flag} "${text}" is not a number from 0 to ${most}`,
    `Write a number from 0 to ${most}.`,
  );
}

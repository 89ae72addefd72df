// pipetrain status: how a run stands, asked from its coordinator, or read from its folder where nobody answers any
// more.
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { UsageError } from '../../engine/core/errors.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { TOKEN_VARIABLE } from '../config/config-layers.js';
import { refuseIdleFlags } from '../config/flag-checks.js';
import { addTlsFlags, type TlsFlags, trustOf } from '../config/tls-flags.js';
import { addTokenFlags, type TokenFlags, tokenOf } from '../config/token-flags.js';
import type { CommandContext } from '../session/command-context.js';
import { statusText } from '../text/status-text.js';

interface StatusFlags extends TlsFlags, TokenFlags {
  readonly json?: boolean;
}

export function statusCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('status')
    .summary('how a run stands: workers, plan, progress')
    .description(
      'Asks a run for its workers, plan, step, loss, speed, signs of life and peak memory, and changes ' +
        'nothing. A run folder is enough for the user who started the run; an address needs the token. Where ' +
        'the run is over or was killed, its events tell how it ended, and how to resume it.',
    )
    .argument('<run|url>', 'run folder, or address as ws://HOST:PORT or wss://HOST:PORT')
    .option('--json', 'print the status as one JSON object');
  return addTlsFlags(addTokenFlags(command, 'for an address: the token of the run'))
    .addHelpText(
      'after',
      '\nExamples (in another terminal than the first):\n  pipetrain train --model vit --data synthetic:digits ' +
        '--out digits\n  pipetrain status digits\n  pipetrain status digits --json',
    )
    .action(
      exitWith(async (target: string, flags: StatusFlags) => {
        requireScheme(target);
        const isAddress = /^wss?:\/\//i.test(target);
        const noAddress = isAddress ? null : 'a run folder says how to reach its run';
        const noTls = noAddress ?? (/^wss:/i.test(target) ? null : 'ws:// is no TLS');
        refuseIdleFlags(command, { token: noAddress, tokenFile: noAddress, tlsCa: noTls, tlsFingerprint: noTls });
        const token = tokenOf(flags, io);
        if (isAddress && token === undefined)
          throw new UsageError(
            'PT_TOKEN',
            'no token was given',
            `Name a file that holds it with --token-file, set ${TOKEN_VARIABLE}, or name the run folder.`,
          );
        const status = isAddress
          ? await services.askCoordinator(target, token ?? '', trustOf(flags))
          : await services.statusOfFolder(RunFolder.open(target));
        if (flags.json === true) io.stdout.lines([harmlessJson(status)]);
        else io.stdout.write(statusText(status, io.stdout.columns()));
        return 0;
      }),
    );
}

/** HOST:PORT is an address that lacks its scheme, unless a folder has that name. */
function requireScheme(target: string): void {
  if (!/^(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}\/?$/i.test(target) || existsSync(target)) return;
  throw new UsageError(
    'PT_USAGE',
    `${target} is no run folder; as an address it lacks ws:// or wss://`,
    `Write ws://${target}, or wss://${target} where the run uses TLS.`,
  );
}

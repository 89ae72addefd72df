// pipetrain version: what `--version` prints.
import { Command } from 'commander';
import { VERSION } from '../../engine/core/version.js';
import type { CommandContext } from '../session/command-context.js';

export function versionCommand({ io, exitWith }: CommandContext): Command {
  return new Command('version').summary('print the version').action(
    exitWith(() => {
      io.stdout.lines([VERSION]);
      return 0;
    }),
  );
}

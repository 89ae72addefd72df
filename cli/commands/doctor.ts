// pipetrain doctor: whether this machine can train, one line per check, with the remedy where one fails. Exit code 1
// where one does.
import { Command } from 'commander';
import { machineChecks } from '../machine/machine-checks.js';
import type { CommandContext } from '../session/command-context.js';
import { clip } from '../text/format.js';

export function doctorCommand({ io, exitWith }: CommandContext): Command {
  return new Command('doctor').summary('check whether this machine can train').action(
    exitWith(async () => {
      const checks = await machineChecks();
      for (const { name, isFine, found, remedy } of checks) {
        io.stdout.lines([`${isFine ? 'ok     ' : 'problem'}  ${name.padEnd(16)} ${clip(found, 400)}`]);
        if (!isFine) io.stdout.lines([`         remedy: ${remedy}`]);
      }
      return checks.every(({ isFine }) => isFine) ? 0 : 1;
    }),
  );
}

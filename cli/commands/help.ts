// pipetrain help: what `--help` prints, for those who ask in words.
import { Command } from 'commander';
import { UsageError } from '../../engine/core/errors.js';
import { didYouMean } from '../../engine/core/suggest.js';
import type { CommandContext } from '../session/command-context.js';

export function helpCommand({ exitWith }: CommandContext): Command {
  const command = new Command('help')
    .summary('print this help, or that of a command')
    .description('Prints the list of commands, or the help of one.')
    .argument('[command]', 'name of a command');
  return command.action(
    exitWith((name: string | undefined) => {
      const program = command.parent ?? command;
      const names = program.commands.map((known) => known.name());
      const wanted = name === undefined ? program : program.commands.find((known) => known.name() === name);
      if (wanted === undefined)
        throw new UsageError(
          'PT_USAGE',
          `there is no command "${name ?? ''}".${didYouMean(name ?? '', names)}`,
          `Commands: ${names.join(', ')}.`,
        );
      wanted.outputHelp();
      return 0;
    }),
  );
}

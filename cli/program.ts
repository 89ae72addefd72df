// The program: all commands under one name, and how a command line becomes an exit code. It runs in any process:
// outputs, environment and engine are handed in.
import { Command, CommanderError } from 'commander';
import { EXIT, UsageError } from '../engine/core/errors.js';
import { VERSION } from '../engine/core/version.js';
import { ablateCommand } from './commands/ablate.js';
import { compareCommand } from './commands/compare.js';
import { devicesCommand } from './commands/devices.js';
import { doctorCommand } from './commands/doctor.js';
import { evalCommand } from './commands/eval.js';
import { exportCommand } from './commands/export.js';
import { freezeReplayCommand } from './commands/freeze-replay.js';
import { generateCommand } from './commands/generate.js';
import { growReplayCommand } from './commands/grow-replay.js';
import { helpCommand } from './commands/help.js';
import { planCommand } from './commands/plan.js';
import { predictCommand } from './commands/predict.js';
import { quickstartCommand } from './commands/quickstart.js';
import { reportCommand } from './commands/report.js';
import { resumeCommand } from './commands/resume.js';
import { simulateCommand } from './commands/simulate.js';
import { statusCommand } from './commands/status.js';
import { traceCommand } from './commands/trace.js';
import { trainCommand } from './commands/train.js';
import { verifyCommand } from './commands/verify.js';
import { versionCommand } from './commands/version.js';
import { workerCommand } from './commands/worker.js';
import { isSetting } from './config/config-layers.js';
import { refuseRepeatedFlags } from './config/flag-checks.js';
import { saidHere } from './config/foreign-names.js';
import type { CliIo } from './console/io.js';
import type { CommandContext } from './session/command-context.js';
import { reportError } from './session/exit.js';
import { type CliServices, engineServices } from './session/services.js';

/** Adding one is one file and one line here. */
const COMMANDS = [
  // In the order of `--help`.
  quickstartCommand,
  trainCommand,
  resumeCommand,
  workerCommand,
  statusCommand,
  evalCommand,
  predictCommand,
  generateCommand,
  reportCommand,
  traceCommand,
  compareCommand,
  verifyCommand,
  exportCommand,
  planCommand,
  simulateCommand,
  ablateCommand,
  freezeReplayCommand,
  growReplayCommand,
  devicesCommand,
  doctorCommand,
  helpCommand,
  versionCommand,
];

/** Runs one command line (without the program's own name) and returns its exit code. Never throws. */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  services: CliServices = engineServices,
): Promise<number> {
  let exitCode: number = EXIT.done;
  const exitWith: CommandContext['exitWith'] =
    (action) =>
    async (...args) => {
      exitCode = await action(...args);
    };
  const program = new Command('pipetrain')
    .description(
      'Elastic pipeline-parallel training of transformers: freeze, repartition, replicate, cache. The same ' +
        'bits for every shape of the run.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .addHelpText('after', '\nStart with `pipetrain quickstart`; then `pipetrain train --help`.');
  for (const make of COMMANDS) program.addCommand(make({ io, services, exitWith }));
  for (const command of [program, ...program.commands]) prepare(command, io);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportError(error, io.stderr);
    if (error.exitCode === 0) return EXIT.done;
    // Commander has printed the help already.
    if (error.code === 'commander.help') return EXIT.usage;
    return reportError(
      usageError(
        error,
        program.commands.find((command) => command.name() === argv[0]),
      ),
      io.stderr,
    );
  }
}

/** Output goes where we say, and errors come to us instead of ending the process. */
function prepare(command: Command, io: CliIo): void {
  refuseRepeatedFlags(command);
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // Printed by reportError, in the form of all other errors.
      outputError: () => undefined,
      getOutHelpWidth: () => io.stdout.columns(),
      getErrHelpWidth: () => io.stderr.columns(),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/** "error: unknown option '--bach'\n(Did you mean --batch?)" as one of our errors. */
function usageError({ message }: CommanderError, command: Command | undefined): UsageError {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const suggestion = otherOption(first, command) ?? rest.join(' ').replace(/^\((.*)\)$/, '$1');
  return new UsageError(
    'PT_USAGE',
    first,
    suggestion === '' ? '`pipetrain --help` lists the commands, `pipetrain COMMAND --help` their flags.' : suggestion,
  );
}

/** What to say in place of an option that the command has not, where more is known than which names are alike. */
function otherOption(message: string, command: Command | undefined): string | null {
  const name = /^unknown option '--?([^'=]+)/.exec(message)?.[1];
  if (name === undefined || command === undefined) return null;
  const ours = isSetting(name) ? `--${name}` : saidHere(name, isSetting);
  const flag = ours?.split(' ')[0] ?? '';
  if (ours === null || command.options.some(({ long }) => long === flag) || !flag.startsWith('--'))
    return ours === null || ours === `--${name}` ? null : `Did you mean ${ours}?`;
  return command.name() === 'resume' || command.name() === 'eval'
    ? `A run keeps the ${flag} that it was begun with. To train on from its weights with another: pipetrain train ` +
        `${ours}${ours === flag ? ' ...' : ''} --init-from RUN`
    : null;
}

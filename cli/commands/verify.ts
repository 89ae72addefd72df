// pipetrain verify: whether a run folder adds up, or whether this machine computes a model to the same bits in every shape. Exit code 3 where not.
import { Command } from 'commander';
import { DataError } from '../../engine/core/errors.js';
import type { Check } from '../../engine/ledger.js';
import { RunFolder } from '../../engine/run-folder.js';
import type { CommandContext } from '../command-context.js';
import { wrap } from '../format.js';

const NAME_WIDTH = 13;

export function verifyCommand({ io, services, exitWith }: CommandContext): Command {
  return new Command('verify')
    .summary('check a run folder; exit code 0 where all of it holds, 3 where not')
    .description('Checks a run folder: every step and every sample of every epoch exactly once, over every change of shape, failure and resume; the digest of the losses; plans and transitions; every file of every checkpoint; the summary.')
    .argument('<run>', 'run folder')
    .option('--json', 'print the checks as one JSON array')
    .action(
      exitWith(async (run: string, options: { readonly json?: boolean }) => {
        const checks = await services.verifyRun(RunFolder.open(run));
        if (options.json === true) io.stdout.write(`${JSON.stringify(checks)}\n`);
        else for (const check of checks) for (const line of checkLines(check, io.stdout.columns() - 1)) io.stdout.write(`${line}\n`);
        requireAll(checks, run);
        return 0;
      }),
    );
}

function checkLines({ name, scope, problem }: Check, columns: number): string[] {
  const head = `${name.padEnd(NAME_WIDTH)} ${problem === null ? 'ok    ' : 'BROKEN'}  `;
  return wrap(problem ?? scope, columns - head.length, 0).map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line);
}

/** The first thing that is wrong, as an error. */
function requireAll(checks: readonly Check[], what: string): void {
  const broken = checks.find(({ problem }) => problem !== null);
  if (broken !== undefined) throw new DataError('PT_VERIFY', `${what}: ${broken.name}: ${broken.problem}`, 'What is before it holds; the checks above say what else does not.');
}

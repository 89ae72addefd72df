// pipetrain verify: whether a run folder adds up, or whether this machine computes a model to the same bits in every
// shape. Exit code 3 where not.
import { existsSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { DataError, UsageError } from '../../engine/core/errors.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import type { Check } from '../../engine/events/ledger.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { toKebab } from '../../engine/run/setting-keys.js';
import type { TrialResult } from '../../engine/verify/verify-model.js';
import { addConfigFlags, configFlagsOf } from '../config/config-flags.js';
import type { Output } from '../console/output.js';
import type { CommandContext } from '../session/command-context.js';
import { settingsOf } from '../session/settings-of.js';
import { wrap } from '../text/format.js';

/** Steps of a trial where the user does not say. */
const STEPS = 8;
const CHECK_WIDTH = 13;
const TRIAL_WIDTH = 52;
/** Digits of a hash that are shown: what `train` and `compare` show. */
const DIGITS = 16;

export function verifyCommand(context: CommandContext): Command {
  const { io, services, exitWith } = context;
  const command = new Command('verify')
    .summary('check a run folder, or that a model gives the same bits in every shape')
    .description(
      [
        'Given a run folder, checks it: every step and every sample of every epoch exactly once, over every ' +
          'change of shape, failure and resume; the digest of the losses; plans and transitions; every file of ' +
          'every checkpoint; the summary.',
        `Given what train is given, tries the model on this machine: ${STEPS} steps (--steps) on one device, ` +
          'as pipelines, as replicas, with the cache, stopped and resumed, and with a worker killed; losses, ' +
          'weights and validation must be equal to the last bit.',
        'The exit code is 0 where all holds, 3 where something does not, with the first step, sample, file ' +
          'or block that is wrong.',
      ].join('\n\n'),
    )
    .argument('[run-or-config]', 'run folder, or YAML file with settings')
    .option('--json', 'print the results as one JSON array')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out digits\n  pipetrain ' +
        'verify digits\n  pipetrain verify --model vit --data synthetic:digits --steps 12',
    );
  addConfigFlags(command);
  return command.action(
    exitWith(async (target: string | undefined, options: { readonly json?: boolean }) => {
      const print = (lines: readonly string[]): void => {
        if (options.json !== true) io.stdout.lines(lines);
      };
      const flags = configFlagsOf(command);
      if (target !== undefined && isFolder(target)) {
        requireNoSettings([...flags.keys()], target);
        const checks = await services.verifyRun(RunFolder.open(target));
        print(checks.flatMap((check) => checkLines(check, io.stdout.columns() - 1)));
        if (options.json === true) io.stdout.lines([harmlessJson(checks)]);
        requireChecks(checks, target);
        return 0;
      }
      const resolved = await settingsOf({ io, services }, command, target);
      // The steps of a file are those of a training; here they would only take long.
      const steps = flags.has('steps') ? (resolved.config.steps ?? STEPS) : STEPS;
      print([`${''.padEnd(TRIAL_WIDTH + 11)}${'losses'.padEnd(DIGITS + 2)}weights`]);
      const results = await services.verifyModel(resolved.config, steps, (result) =>
        print(trialLines(result, io.stdout)),
      );
      if (options.json === true) io.stdout.lines([harmlessJson(results)]);
      requireTrials(results, resolved.config.model, print);
      return 0;
    }),
  );
}

/** Throws a UsageError (PT_CONFIG_IDLE): the check of a folder reads what the folder says. */
function requireNoSettings(names: readonly string[], folder: string): void {
  if (names.length === 0) return;
  const flags = names.map((name) => `--${toKebab(name)}`).join(', ');
  throw new UsageError(
    'PT_CONFIG_IDLE',
    `${flags} would have no effect: ${folder} is a folder, whose run is checked as it was trained`,
    'Leave it out, or name a model and data instead of a run folder to try them on this machine.',
  );
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

function checkLines({ name, scope, problem }: Check, columns: number): string[] {
  return underHead(
    `${name.padEnd(CHECK_WIDTH)} ${problem === null ? 'ok    ' : 'BROKEN'}  `,
    problem ?? scope,
    columns,
  );
}

function trialLines({ name, verdict, losses, weights, note }: TrialResult, { columns }: Output): string[] {
  const shown = verdict === 'reference' ? '' : verdict === 'different' ? 'DIFFERENT' : verdict;
  const hashes = losses === null || weights === null ? '' : `${losses.slice(0, DIGITS)}  ${weights.slice(0, DIGITS)}`;
  const head =
    `${(verdict === 'reference' ? name : `  ${name}`).padEnd(TRIAL_WIDTH)} ${shown.padEnd(9)} ${hashes}`.trimEnd();
  return [head, ...(note === '' ? [] : underHead('    ', note, columns() - 1))];
}

function underHead(head: string, text: string, columns: number): string[] {
  return wrap(text, columns - head.length, 0).map((line, i) => (i === 0 ? head : ' '.repeat(head.length)) + line);
}

/** The first thing that is wrong, as an error. */
function requireChecks(checks: readonly Check[], what: string): void {
  const broken = checks.find(({ problem }) => problem !== null);
  if (broken !== undefined)
    throw new DataError(
      'PT_VERIFY',
      `${what}: ${broken.name}: ${broken.problem}`,
      'What is before it holds; the checks above say what else does not.',
    );
}

function requireTrials(
  results: readonly TrialResult[],
  model: string,
  print: (lines: readonly string[]) => void,
): void {
  const count = (verdict: TrialResult['verdict']): number =>
    results.filter((result) => result.verdict === verdict).length;
  const wrong = results.find(({ verdict }) => verdict === 'different');
  if (wrong !== undefined)
    throw new DataError(
      'PT_VERIFY',
      `${model}: ${wrong.name}: ${wrong.note}`,
      'A model must compute from its parameters, its fields and c.dropout alone: no Math.random, no clock, ' +
        'nothing of its process. If it does, please report this with the model.',
    );
  print([
    `${count('equal')} of ${results.length - count('reference')} trials equal to the last ` +
      `bit${count('not tried') > 0 ? `, ${count('not tried')} not tried` : ''}.`,
  ]);
}

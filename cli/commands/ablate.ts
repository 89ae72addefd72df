// pipetrain ablate: what each part of the engine brings on one's own model and data, run after run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Ablation, makeAblation, type RecordedRun } from '../../engine/ablation/ablation.js';
import { ABLATION_CASES, type AblationCase } from '../../engine/ablation/ablation-case.js';
import { EXIT, type ExitCode, UsageError } from '../../engine/core/errors.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { didYouMean } from '../../engine/core/suggest.js';
import { writeWholeFile } from '../../engine/core/whole-file.js';
import { defaultRunPath } from '../../engine/run/run-folder.js';
import type { ResolvedConfig } from '../../engine/session/resolve-settings.js';
import { addConfigFlags } from '../config/config-flags.js';
import { decimalIn } from '../config/decimal.js';
import { ablationFigure } from '../report/ablation-figure.js';
import { runAblation } from '../session/ablation-runs.js';
import type { CommandContext } from '../session/command-context.js';
import { settingsOf } from '../session/settings-of.js';
import { ablationLines, ablationMarkdown, ablationNotes, markdownText } from '../text/ablation-table.js';
import { wrap } from '../text/format.js';

interface AblateFlags {
  readonly seeds?: string;
  readonly target?: string;
  readonly cases?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** A file or a pipe gets the table whole. */
const PLAIN_COLUMNS = 160;

export function ablateCommand({ io, services, exitWith }: CommandContext): Command {
  const names = ABLATION_CASES.map(({ name }) => name).join(', ');
  const command = new Command('ablate')
    .summary('what does each part bring, with your model and data?')
    .description(
      'Trains the same configuration in up to six cases, one after the other, and compares accuracy, wall ' +
        `clock, time to accuracy and where the time went. Cases: ${names}. Runs that are in the folder already ` +
        'are not done again.',
    )
    .argument('[config]', 'YAML file with settings, as for train')
    .option('--seeds <list>', 'seeds, e.g. 1,2,3 (default: the seed of the configuration)')
    .option(
      '--target <x>',
      'value of the metric that has to be reached (default: the final value without freezing, less 0.3 ' +
        'points, for each seed)',
    )
    .option('--cases <list>', 'cases to run (default: all)')
    .option('--json', 'print what ablation.json holds instead of the table')
    .option('--verbose', 'show what each run shows')
    .addHelpText(
      'after',
      `\nCases:\n${listCases()}\n\nExamples:\n` +
        '  pipetrain ablate --model vit --data synthetic:digits --seeds 1,2 --out digits\n' +
        '  pipetrain ablate --model vit --data synthetic:digits --freeze paper \\\n' +
        '    --cases baseline,best,all --target 0.9',
    );
  addConfigFlags(command);
  return command.action(
    exitWith(async (file: string | undefined, options: AblateFlags) => {
      const resolved = await settingsOf({ io, services }, command, file);
      return ablate(resolved, options, { io, services });
    }),
  );
}

async function ablate(
  resolved: ResolvedConfig,
  options: AblateFlags,
  { io, services }: Pick<CommandContext, 'io' | 'services'>,
): Promise<ExitCode> {
  const { config } = resolved;
  if (config.microBatch === 'auto')
    throw new UsageError(
      'PT_MICRO_BATCH',
      'the runs of an ablation need one --micro-batch, and auto may find another one for each',
      'Give a number; `pipetrain plan --micro-batch auto` finds one.',
    );
  const seeds = options.seeds === undefined ? [config.seed] : seedsOf(options.seeds);
  const cases = options.cases === undefined ? ABLATION_CASES : casesOf(options.cases);
  const target = options.target === undefined ? null : targetOf(options.target);
  const out = config.out === '' ? `${defaultRunPath(config.model, io.now())}-ablation` : config.out;
  const say = (line: string): void => (options.json === true ? io.stderr : io.stdout).lines([line]);
  let runs: readonly RecordedRun[] = [];
  const state = await runAblation({
    io,
    services,
    resolved,
    cases,
    seeds,
    out,
    isVerbose: options.verbose === true,
    say,
    onRecorded: (now) => (runs = now),
  });
  if (state === 'interrupted') {
    io.stderr.lines([
      `interrupted with ${runs.length} of ${cases.length * seeds.length} runs done; the same command ` +
        `goes on after them (--out ${out})`,
    ]);
    return EXIT.interrupted;
  }
  const ablation = makeAblation(cases, runs, target);
  writeResults(out, ablation);
  if (options.json === true) io.stdout.write(readFileSync(join(out, 'ablation.json'), 'utf8'));
  else io.stdout.lines(showAblation(ablation, out, io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS));
  return EXIT.done;
}

const listCases = (): string =>
  ABLATION_CASES.flatMap(({ name, description }) => wrap(`  ${name.padEnd(11)} ${description}`, 78, 14)).join('\n');

function writeResults(out: string, ablation: Ablation): void {
  const what =
    `${ablation.model ?? 'model'} on ${ablation.data ?? 'data'}, ${ablation.machine ?? 'unknown machine'}, ` +
    `pipetrain ${ablation.version ?? '?'}`;
  writeWholeFile(join(out, 'ablation.json'), `${harmlessJson(ablation, 2)}\n`);
  writeWholeFile(
    join(out, 'ablation.md'),
    `# Ablation\n\n${markdownText(what)}\n\n![speed-up and ${markdownText(ablation.metricName)}](ablation.svg)\n\n` +
      ablationMarkdown(ablation),
  );
  writeWholeFile(join(out, 'ablation.svg'), ablationFigure(ablation));
}

const showAblation = (ablation: Ablation, out: string, width: number): string[] => [
  '',
  ...ablationLines(ablation, width),
  '',
  ...ablationNotes(ablation).flatMap((note) => wrap(note, Math.min(width, 100), 0)),
  '',
  `table   ${join(out, 'ablation.md')}`,
  `figure  ${join(out, 'ablation.svg')}`,
  `data    ${join(out, 'ablation.json')}`,
];

function seedsOf(text: string): number[] {
  const seeds = text.split(',').map((one) => (/^\s*\d+\s*$/.test(one) ? Number(one) : NaN));
  if (seeds.some((seed) => !Number.isSafeInteger(seed)) || new Set(seeds).size < seeds.length)
    throw new UsageError(
      'PT_USAGE',
      `--seeds ${text} is no list of different whole numbers`,
      'Write --seeds 1,2,3, for example.',
    );
  return seeds;
}

function casesOf(text: string): AblationCase[] {
  const wanted = new Set(text.split(',').map((one) => one.trim()));
  const names = ABLATION_CASES.map(({ name }) => name);
  for (const one of wanted)
    if (!names.includes(one))
      throw new UsageError(
        'PT_USAGE',
        `--cases: there is no case "${one}".${didYouMean(one, names)}`,
        `Cases: ${names.join(', ')}.`,
      );
  return ABLATION_CASES.filter(({ name }) => wanted.has(name));
}

function targetOf(text: string): number {
  const value = decimalIn(text);
  if (value === null)
    throw new UsageError(
      'PT_USAGE',
      `--target ${text} is no number`,
      'Write the value of the metric to reach, e.g. --target 0.9 for an accuracy of 90 %.',
    );
  return value;
}

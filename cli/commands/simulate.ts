// pipetrain simulate: predicts a training on hardware that need not be there, by the rules of the paper, by ours, or
// both side by side.
import { Command, Option } from 'commander';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { PRECISIONS } from '../../engine/core/precision.js';
import { compareRules } from '../../engine/simulate/comparison.js';
import { hardwareNames } from '../../engine/simulate/hardware.js';
import { simulatedModelNames } from '../../engine/simulate/model.js';
import { NOT_MODELLED, simulateTraining } from '../../engine/simulate/simulator.js';
import { alphaFreeze } from '../../freeze/alpha.js';
import { SCHEDULES } from '../../pipeline/schedules/registry.js';
import { refuseIdleFlags } from '../config/flag-checks.js';
import type { CommandContext } from '../session/command-context.js';
import {
  idleSimulateFlags,
  parseAlpha,
  parseSimulateFlags,
  type SimulateFlags,
  type SimulateOptions,
  simulationOf,
  wholeNumber,
} from '../simulate/options.js';
import { scheduleLines, simulateSchedule } from '../simulate/schedule.js';
import { comparisonLines, headLines, notModelledLines, PUBLISHED, runLines, sweepLines } from '../simulate/text.js';
import { plural, rate } from '../text/format.js';

/** What a mode of the command says: as text and as data. */
interface Answer {
  readonly lines: (columns: number) => readonly string[];
  readonly json: object;
}

/** A file or a pipe gets the tables whole. */
const PLAIN_COLUMNS = 130;

export function simulateCommand({ io, exitWith }: CommandContext): Command {
  const command = new Command('simulate');
  return command
    .summary('predict a training on hardware that need not be there')
    .description(
      'Predicts step time, memory, bubble, transitions and the time of a whole training from formulas, in a ' +
        'moment. Nothing is trained. docs/simulate.md explains the model and its limits.',
    )
    .option('--model <name>', `${simulatedModelNames.join(', ')}`, 'vit-b16')
    .option('--hardware <name>', `${hardwareNames.join(', ')}`, 'paper')
    .addOption(
      new Option('--precision <name>', 'numbers that the devices compute with').choices(PRECISIONS).default('fp32'),
    )
    .option('--machines <n>', 'other number of machines than the profile has')
    .option('--devices-per-machine <n>', 'other number of devices per machine')
    .option('--rules <name>', 'paper, pipetrain, or both side by side', 'both')
    .option('--alpha <share>', 'share of the active layers that freezes per epoch', '1/3')
    .option('--freeze-max <n>', 'most layers that may freeze (default: all, as the paper; train keeps one)')
    .option('--grow <pairs>', 'pipetrain: EPOCH:LAYERS pairs, e.g. 0:6,3:12 (default: all layers from the start)')
    .option('--epochs <n>', 'epochs (default: as the paper for this model)')
    .option('--samples <n>', 'samples per epoch (default: as the paper)')
    .option('--batch <n>', 'samples per step at the start, over all devices (default: as the paper, per machine)')
    .option('--micro-batch <n>', 'pipetrain: samples per micro-batch (default: batch / machines / 16)')
    .option('--pipeline <k>', 'pipetrain: pipeline length, or auto', 'auto')
    .option('--cache <mode>', 'auto or off', 'auto')
    .option('--cache-gb <n>', 'pipetrain: cache per machine (default: half of the host memory)')
    .option('--sweep', 'speed-ups for the five alphas of the paper')
    .option(
      '--schedule <name|file>',
      `draw and time one schedule instead: ${SCHEDULES.names.join(', ')}, or a file with a grid`,
    )
    .option('--stages <k>', '--schedule: workers of the pipeline', '4')
    .option('--micro-batches <m>', '--schedule: micro-batches of a step', '8')
    .option('--chunks <v>', '--schedule interleaved: stages per worker', '2')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain simulate\n  pipetrain simulate --sweep\n  pipetrain simulate --hardware ' +
        'cluster-1024 --samples 1281167\n  pipetrain simulate --rules paper --model bert-large\n  pipetrain ' +
        'simulate --schedule zb-h1 --stages 4 --micro-batches 8',
    )
    .action(
      exitWith((flags: SimulateFlags) => {
        refuseIdleFlags(command, idleSimulateFlags(flags));
        const { lines, json } = answer(flags, parseSimulateFlags(flags));
        if (flags.json === true) io.stdout.lines([harmlessJson(json)]);
        else io.stdout.lines(lines(io.stdout.isTerminal ? io.stdout.columns() - 1 : PLAIN_COLUMNS));
        return 0;
      }),
    );
}

function answer(flags: SimulateFlags, options: SimulateOptions): Answer {
  if (flags.schedule !== undefined) {
    const sizes = {
      workers: wholeNumber('stages', flags.stages),
      micros: wholeNumber('micro-batches', flags.microBatches),
      chunks: wholeNumber('chunks', flags.chunks),
    };
    const result = simulateSchedule(flags.schedule, sizes, options);
    const micro =
      `${options.model.description} on ${options.hardware.description}, micro-batches of ` +
      `${plural(options.microBatch, 'sample')}`;
    return { lines: (columns) => [micro, ...scheduleLines(result, columns)], json: { ...facts(options), ...result } };
  }
  if (flags.sweep === true) return sweepAnswer(options);
  return options.rules === 'both' ? bothAnswer(options) : oneAnswer(options, options.rules);
}

function bothAnswer(options: SimulateOptions): Answer {
  const comparison = compareRules(simulationOf(options), options.alpha, options.pipeline);
  return {
    json: { ...facts(options), ...comparison },
    lines: (columns) => [
      ...headLines(options, columns),
      '',
      ...comparisonLines(comparison, options, columns),
      ...comparison.variants.flatMap(({ name, run }) => ['', name, ...runLines(run, columns - 2)]),
      '',
      ...notModelledLines(columns),
    ],
  };
}

function oneAnswer(options: SimulateOptions, rules: 'paper' | 'pipetrain'): Answer {
  const run = simulateTraining({
    ...simulationOf(options),
    rules,
    freeze: alphaFreeze(options.alpha),
    fixedK: options.pipeline,
  });
  return {
    json: { ...facts(options), run },
    lines: (columns) => [
      ...headLines(options, columns),
      '',
      ...runLines(run, columns - 2),
      '',
      `${run.computeSeconds.toFixed(1)} s in steps, ${run.transitionSeconds.toFixed(1)} s in ` +
        `${plural(run.transitions, 'change')} of shape and new depths, ${rate(run.samplesPerSecond)} ` +
        'samples/s',
      ...new Set(run.epochs.map(({ frozenLayers, reason }) => `  ${frozenLayers} frozen: ${reason}`)),
      '',
      ...notModelledLines(columns),
    ],
  };
}

function sweepAnswer(options: SimulateOptions): Answer {
  const sweep = PUBLISHED.byAlpha.map(({ alpha }) => ({
    alpha,
    comparison: compareRules(simulationOf(options), parseAlpha(alpha), options.pipeline),
  }));
  return {
    json: { ...facts(options), sweep },
    lines: (columns) => [
      ...headLines(options, columns),
      '',
      ...sweepLines(sweep, options, columns),
      '',
      ...notModelledLines(columns),
    ],
  };
}

/** What the figures rest on. */
const facts = ({ model, hardware, ...rest }: SimulateOptions): object => ({
  options: { model: model.name, hardware, ...rest },
  notModelled: NOT_MODELLED,
});

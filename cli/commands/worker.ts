// pipetrain worker: devices of this host for a run of it that is going on.
import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { EXIT, type ExitCode, UsageError } from '../../engine/core/errors.js';
import type { StageAssignment } from '../../engine/core/plan.js';
import type { WorkerNews } from '../../engine/protocol/worker-news.js';
import { workersOf } from '../../engine/run/devices.js';
import { readPairs, TOKEN_VARIABLE } from '../config/config-layers.js';
import { decimalIn } from '../config/decimal.js';
import { refuseIdleFlags } from '../config/flag-checks.js';
import { addTlsFlags, type TlsFlags, trustOf } from '../config/tls-flags.js';
import { addTokenFlags, type TokenFlags, tokenOf } from '../config/token-flags.js';
import { watchStopSignals } from '../console/stop-signals.js';
import type { CommandContext } from '../session/command-context.js';
import { plural, range } from '../text/format.js';

const MOST_PORT = 65_535;
/** Timers count at most 2^31 ms. */
const LONGEST_RETRY_SECONDS = 2_000_000;

interface WorkerFlags extends TlsFlags, TokenFlags {
  readonly join: string;
  readonly devices: string;
  readonly name: string;
  readonly model?: string;
  readonly data?: string;
  readonly modelOptions?: string;
  readonly dataOptions?: string;
  readonly listen?: string;
  readonly memoryDir?: string;
  readonly retrySeconds: string;
}

export function workerCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('worker')
    .summary('join a run with more workers, from this or another host')
    .description(
      'Joins a run that was started with `pipetrain train --listen`. Workers on the host of the run share ' +
        'its memory; between hosts tensors go over sockets. The workers are used from the next step on where ' +
        'that is predicted to pay; else they are spares and take the place of a worker that is lost. The ' +
        'result of the run is the same with and without them. Model and data are built-in names or what is ' +
        'named here; nothing is opened at a path that came over the network.',
    )
    .requiredOption('--join <url>', 'address of the run, as `pipetrain train --listen` prints it')
    .option('--devices <text>', 'devices to join with, as for train', 'cpu:1')
    .addOption(
      new Option('--name <text>', 'how the workers are called in listings').default(hostname(), "the host's name"),
    )
    .option('--model <name|file>', "this host's copy of the model file or folder, where the run trains no built-in one")
    .option('--model-options <name=value,...>', 'model options that name files')
    .option('--data <kind:path>', "this host's copy of the data, where the run reads files")
    .option('--data-options <name=value,...>', 'data options that name files, e.g. vocab=FILE')
    .option(
      '--listen <host:port>',
      'where other workers reach these (default: the address that reaches the run, a free port); one port ' +
        'per device, counting up',
    )
    .option(
      '--memory-dir <folder>',
      'where the workers keep their tensors when the run is on another host (default: /dev/shm)',
    )
    .option('--retry-seconds <n>', 'for how long a run that is out of reach is tried again', '60');
  return addTlsFlags(addTokenFlags(command, 'the token of the run'))
    .addHelpText(
      'after',
      '\nThe first SIGTERM or Ctrl-C lets the workers leave: the step is finished, their state moves on, no ' +
        'step is done twice. A second one ends them now.\n\nExamples (the run prints the line to join it, which is ' +
        'longer where model or data\nare files; docs/distributed.md has more):\n  (umask 077; openssl rand -hex 16 > ' +
        'token)\n  pipetrain train --model vit --data synthetic:digits \\\n    --listen 127.0.0.1:7000 ' +
        '--token-file token\n  pipetrain worker --join ws://127.0.0.1:7000 --token-file token\n  pipetrain worker ' +
        '--join ws://127.0.0.1:7000 --token-file token \\\n    --devices cpu:4 --name big',
    )
    .action(
      exitWith((flags: WorkerFlags) => {
        const noTls = /^ws:/i.test(flags.join) ? 'ws:// is no TLS' : null;
        refuseIdleFlags(command, { tlsCa: noTls, tlsFingerprint: noTls });
        return work(flags, { io, services });
      }),
    );
}

async function work(flags: WorkerFlags, { io, services }: Pick<CommandContext, 'io' | 'services'>): Promise<ExitCode> {
  const token = tokenOf(flags, io);
  if (token === undefined)
    throw new UsageError(
      'PT_TOKEN',
      'no token was given',
      `Set ${TOKEN_VARIABLE} to the token that the run printed, or name a file that holds it with --token-file.`,
    );
  const trust = trustOf(flags);
  const stop = watchStopSignals(io, {
    first: 'leaving: the workers go when their state is with others (once more to stop now)',
    second: 'stopped now',
  });
  const say = (name: string, text: string): void => io.stderr.lines([`${name}: ${text}`]);
  try {
    await services.runWorkers({
      run: { url: flags.join, token, trust },
      name: flags.name,
      devices: flags.devices,
      material: {
        model: flags.model ?? null,
        data: flags.data ?? null,
        modelOptions: pairs('--model-options', flags.modelOptions),
        dataOptions: pairs('--data-options', flags.dataOptions),
      },
      listen: place(flags.listen, workersOf(flags.devices).length),
      memoryDir: flags.memoryDir,
      retrySeconds: seconds(flags.retrySeconds),
      signal: stop.signal,
      watcher: {
        onNews: (name, news) => {
          const text = tell(news);
          if (text !== null) say(name, text);
        },
        onRetry: (name, error) => say(name, `${error.message}; trying again`),
      },
    });
  } finally {
    stop.release();
  }
  return EXIT.done;
}

function tell(news: WorkerNews): string | null {
  switch (news.type) {
    case 'joined':
      return `is ${news.worker} of the run, and loads model and data`;
    case 'seat':
      if (news.seat === null) return `plan g${news.generation}: a spare`;
      return (
        `plan g${news.generation}: replica ${news.seat.replica}, ` +
        `${news.seat.own.map((stage) => stageText(news.seat?.stages ?? [], stage)).join(', ')} of ` +
        `${plural(news.seat.stages.length, 'stage')}`
      );
    case 'ended':
      // The error is told by whoever ends with it.
      return news.reason === 'failed' ? null : news.reason === 'left' ? 'left the run' : 'the run is over';
  }
}

function stageText(stages: readonly StageAssignment[], stage: number): string {
  const found = stages[stage];
  return found === undefined ? `stage ${stage}` : `stage ${stage} (blocks ${range(found.from, found.to)})`;
}

function pairs(flag: string, text: string | undefined): Record<string, unknown> {
  const read = text === undefined ? {} : readPairs(text, flag);
  if (typeof read !== 'object' || read === null)
    throw new UsageError('PT_USAGE', `${flag} ${text} is not understood`, 'Write NAME=VALUE,NAME=VALUE.');
  return read as Record<string, unknown>;
}

function place(
  listen: string | undefined,
  numDevices: number,
): { readonly host: string | null; readonly port: number } {
  if (listen === undefined) return { host: null, port: 0 };
  const [, host, digits] = /^(.+):(\d{1,5})$/.exec(listen) ?? [];
  if (host === undefined)
    throw new UsageError('PT_USAGE', `--listen ${listen} is not understood`, 'Write HOST:PORT, e.g. 127.0.0.1:7100.');
  const port = Number(digits);
  const last = port === 0 ? 0 : port + numDevices - 1;
  if (last > MOST_PORT)
    throw new UsageError(
      'PT_ADDRESS',
      `--listen ${listen} with ${plural(numDevices, 'device')} takes ports up to ${last}; the largest is ${MOST_PORT}`,
      'Write HOST:PORT with a smaller port, or 0 for free ones.',
    );
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function seconds(text: string): number {
  const value = decimalIn(text);
  if (value === null || value < 0 || value > LONGEST_RETRY_SECONDS)
    throw new UsageError(
      'PT_USAGE',
      `--retry-seconds ${text} is no number of seconds from 0 to ${LONGEST_RETRY_SECONDS}`,
      'Write 60, for example.',
    );
  return value;
}

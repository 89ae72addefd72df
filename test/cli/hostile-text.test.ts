// Text of others in every place where a command shows it: names in events, in folders, in data, in errors. Nothing of
// it is obeyed by a terminal, becomes a tag of the report, or breaks the JSON.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ConsoleView } from '../../cli/console/console.js';
import { runCli } from '../../cli/program.js';
import { ablationFigure } from '../../cli/report/ablation-figure.js';
import { renderReport } from '../../cli/report/report.js';
import { ReportData } from '../../cli/report/report-data.js';
import { type CliServices, engineServices } from '../../cli/session/services.js';
import { ablationMarkdown } from '../../cli/text/ablation-table.js';
import { makeAblation } from '../../engine/ablation/ablation.js';
import { ABLATION_CASES } from '../../engine/ablation/ablation-case.js';
import { DataError } from '../../engine/core/errors.js';
import type { DataSummary } from '../../engine/data/data-summary.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import type { RunEvent } from '../../engine/events/events.js';
import { summarize } from '../../engine/events/summary.js';
import { sampleRun } from '../events/sample-run.js';
import { scratch, scratchWith } from '../scratch.js';
import { TRAIN } from './command-line.js';
import { type FakeIo, fakeIo, fakeOutput, fakeServices } from './fake-io.js';

/** A colour, a title, a link, the clipboard, C1, overwriting, a line turned around, HTML, a line of its own. */
const HOSTILE =
  '\u001b[31m\u001b]0;t\u0007\u001b]8;;http://x\u001b\\\u001b]52;c;eA==\u0007\u009b2J\u0090q\u009c\rOVER\b\b' +
  '\u202egpj\u2066x\u2069\u2028"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\'`|[a](javascript:x)\n' +
  'error: forged';

const OBEYED = /(?![\t\n])[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]/u;

/** Names and states that the program compares with its own are left as they are. */
const OWN = new Set(['type', 'state', 'kind']);

/** The value with hostile ends to all its texts, also to names of properties where they are names of workers. */
function poisoned<T>(value: T, key = ''): T {
  if (typeof value === 'string') return (OWN.has(key) ? value : value + HOSTILE) as T;
  if (Array.isArray(value)) return value.map((item) => poisoned(item as unknown, key)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    key === 'peakMemory' ? name + HOSTILE : name,
    poisoned(item as unknown, name),
  ]);
  return Object.fromEntries(entries) as T;
}

const extra: readonly RunEvent[] = [
  { time: 1, type: 'peer.dropped', peer: 'p', reason: 'r', count: 1 },
  { time: 1, type: 'worker.joined', worker: 'w2', pid: 1, device: 'd', origin: { name: 'n', host: 'h' } },
  { time: 1, type: 'worker.lost', worker: 'w2', reason: 'r' },
  { time: 1, type: 'warning', message: 'm' },
  { time: 1, type: 'events.damaged', bytes: 1, file: 'f' },
  { time: 1, type: 'resumed', step: 1, checkpoint: 'c' },
  { time: 1, type: 'checkpoint.failed', step: 1, code: 'ENOSPC', reason: 'r', seconds: 1 },
  {
    time: 1,
    type: 'weights.loaded',
    from: 'f',
    fromStep: 1,
    loaded: ['a'],
    fresh: [{ block: 'b', why: 'w' }],
    unused: ['u'],
  },
];
const events = [...sampleRun().slice(0, 3), ...extra, ...sampleRun().slice(3)].map((event) => poisoned(event));

let run = '';
beforeAll(() => {
  // A name of a folder may have anything but a slash and a zero.
  run = join(scratch(), `run${HOSTILE.replaceAll('/', '')}`);
  mkdirSync(join(run, 'plans'), { recursive: true });
  mkdirSync(join(run, 'checkpoints'));
  writeFileSync(join(run, 'events.jsonl'), `${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
  writeFileSync(
    join(run, 'config.resolved.yaml'),
    `model: gpt\ndata: text:x\nsteps: 3\nlr: ${JSON.stringify(HOSTILE)}\n`,
  );
});

const hostileData: DataSummary = {
  source: HOSTILE,
  numTrain: 1,
  numValidation: 1,
  files: [{ path: HOSTILE, samples: 1, part: 'both', heading: 'none' }],
  columns: { text: HOSTILE, label: HOSTILE, separator: HOSTILE, unused: { count: 1, names: [HOSTILE] } },
  split: { how: 'drawn', share: 0.1, seed: 1 },
  limits: [],
};

const hostileServices = (): CliServices => ({
  ...fakeServices((_, host) => {
    for (const { time: _time, ...body } of events) host.emit(body);
    return Promise.resolve();
  }),
  verifyRun: () => Promise.resolve([{ name: HOSTILE, scope: HOSTILE, problem: HOSTILE }]),
  statusOfFolder: (folder) => engineServices.statusOfFolder(folder),
  evaluateCheckpoint: () =>
    Promise.resolve({
      checkpoint: HOSTILE,
      step: 1,
      loss: 1,
      metric: { name: HOSTILE, value: 1 },
      metrics: { [HOSTILE]: 1 },
      samples: 1,
      data: hostileData,
    }),
  exportWeights: () =>
    Promise.resolve({ checkpoint: HOSTILE, step: 1, tensors: 1, bytes: 1, dtype: 'f32', weightsSha256: HOSTILE }),
  runWorkers: ({ name, watcher }) => {
    watcher.onRetry(name, new DataError('PT_DIAL', HOSTILE, HOSTILE));
    return Promise.reject(new DataError('PT_DIAL', HOSTILE, HOSTILE));
  },
});

async function output(
  argv: readonly string[],
  services = hostileServices(),
  io: FakeIo = fakeIo(),
): Promise<{ readonly out: string; readonly err: string }> {
  await runCli(argv, io, services);
  return { out: io.stdout.text, err: io.stderr.text };
}

describe('a command shows hostile text and obeys none of it', () => {
  test.each([
    ['train', () => [...TRAIN, '--out', join(scratch(), `new${HOSTILE.replaceAll('/', '')}`)]],
    ['report', () => ['report', run]],
    ['status', () => ['status', run]],
    ['compare', () => ['compare', run, run]],
    ['verify', () => ['verify', run]],
    ['eval', () => ['eval', run]],
    ['export', () => ['export', run, '--out', HOSTILE]],
    ['freeze-replay', () => ['freeze-replay', run]],
    ['grow-replay', () => ['grow-replay', run]],
    ['resume', () => ['resume', run]],
    ['worker', () => ['worker', '--join', 'ws://127.0.0.1:1', '--token', 'x', '--name', HOSTILE]],
    ['a folder that is none', () => ['report', `${run}-none`]],
    ['a flag that is none', () => ['train', `--${HOSTILE}`]],
    ['a command that is none', () => [HOSTILE]],
    ['a value that is none', () => [...TRAIN, '--batch', HOSTILE]],
    ['a model option', () => [...TRAIN, '--model-options', `${HOSTILE}=1`, '--print-config']],
    ['a schedule', () => ['simulate', '--schedule', HOSTILE]],
    ['a configuration', () => ['train', `${HOSTILE}.yaml`]],
  ])('%s', async (_, argv) => {
    const { out, err } = await output(argv());
    expect(`${out}${err}`).not.toBe('');
    expect(out).not.toMatch(OBEYED);
    expect(err).not.toMatch(OBEYED);
    expect(err).not.toMatch(/^error: forged/m);
  });

  test.each(['status', 'verify', 'eval', 'freeze-replay'])(
    '%s --json prints JSON of the same value',
    async (command) => {
      const { out } = await output([command, run, '--json']);
      if (command === 'freeze-replay' && out === '') return;
      expect(out).not.toMatch(OBEYED);
      expect(out.trimEnd()).not.toContain('\n');
      if (command === 'eval') expect(JSON.parse(out)).toMatchObject({ metric: { name: HOSTILE } });
      else JSON.parse(out);
    },
  );

  test('train --json prints events of the same value', async () => {
    const { out } = await output([...TRAIN, '--json', '--out', join(scratch(), 'run')]);
    expect(out).not.toMatch(OBEYED);
    const shown = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
    expect(shown.find(({ type }) => type === 'warning')).toMatchObject({ message: `m${HOSTILE}` });
  });

  test('a file of data with its name and its labels', async () => {
    const path = join(
      scratchWith({ [`d${HOSTILE.replaceAll('/', '')}.tsv`]: `text\t${HOSTILE.replaceAll('\n', ' ')}\n`.repeat(20) }),
      `d${HOSTILE.replaceAll('/', '')}.tsv`,
    );
    const services = fakeServices(() => Promise.resolve(void openDataset(`tsv:${path}`, {})));
    const { err } = await output([...TRAIN, '--out', join(scratch(), 'run')], services);
    expect(err).toContain('PT_DATA_CLASSES');
    expect(err).toContain('has 1 label (·[31m');
    expect(err).not.toMatch(OBEYED);
  });
});

test('a terminal gets colours and lines drawn over each other from the program alone', () => {
  const terminal = fakeOutput({ isTerminal: true, hasColour: true });
  const view = new ConsoleView(terminal);
  for (const event of events) view.show(event);
  view.end(summarize(events), { run, report: run });
  const { text } = terminal;
  expect(text).toContain('\u001b[1mresults\u001b[0m');
  expect(text).toContain('\rstep ');
  // What is left without the program's own colours and returns.
  const others = text.replace(/\u001b\[(?:[012]|32|33)m/g, '').replace(/\r(?:step | *(?:\r|$))/g, '');
  expect(others).not.toMatch(OBEYED);
  expect(text).not.toContain('\rOVER');
});

describe('pages and pictures', () => {
  const unsafe = /<(?:script|img|a)\b/;

  test('the report has no tag of others, also where they stand for numbers, and may run and fetch nothing', () => {
    const page = renderReport(new ReportData(events), HOSTILE);
    expect(page).not.toMatch(unsafe);
    expect(page).not.toMatch(OBEYED);
    expect(page).toContain(
      '<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;unsafe-inline',
    );
    // Numbers that are texts: events that nobody has checked.
    const forged = sampleRun().map((event) =>
      'generation' in event ? { ...event, generation: HOSTILE, K: HOSTILE } : event,
    );
    expect(renderReport(new ReportData(forged as unknown as RunEvent[]), null)).not.toMatch(unsafe);
    const seeded = sampleRun().map((event) => (event.type === 'run.started' ? { ...event, seed: HOSTILE } : event));
    expect(renderReport(new ReportData(seeded as unknown as RunEvent[]), null)).not.toMatch(unsafe);
  });

  test('neither has the figure of an ablation, nor its table', () => {
    const ablation = makeAblation(
      ABLATION_CASES,
      ABLATION_CASES.map((one) => ({ case: one, seed: 1, folder: HOSTILE, events })),
      null,
    );
    expect(ablationFigure(ablation)).not.toMatch(unsafe);
    expect(ablationFigure(ablation)).not.toMatch(OBEYED);
    const table = ablationMarkdown(ablation);
    expect(table).not.toMatch(/(?<!\\)</);
    expect(table).not.toMatch(OBEYED);
  });
});

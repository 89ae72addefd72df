// A run written for other programs: each format is read back by the rules of the format.
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../cli/report/formats/crc32c.js';
import { REPORT_FORMATS } from '../../cli/report/formats/registry.js';
import { ReportData } from '../../cli/report/report-data.js';
import type { RunEvent } from '../../engine/events/events.js';
import { effectiveSteps } from '../../engine/events/steps-that-count.js';
import { sampleRun } from '../events/sample-run.js';

const BEGAN = 1_700_000_000;
const steps = [...effectiveSteps(sampleRun())];

/** What is written of a run with these events. */
function written(format: string, events: readonly RunEvent[] = sampleRun()): Buffer {
  const { summary, evaluations } = new ReportData(events);
  const run = { summary, evaluations, events, beganAt: BEGAN };
  return Buffer.concat([...REPORT_FORMATS.get(format).write(run)].map((piece) => Buffer.from(piece)));
}

test('csv has a line of as many cells per step, and the validation after it', () => {
  const [heading = '', ...lines] = written('csv').toString().trimEnd().split('\n');
  const names = heading.split(',');
  const rows = lines.map((line) => {
    const cells = line.split(',');
    return (name: string): number => Number(cells[names.indexOf(name)]);
  });
  expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([names.length]));
  expect(rows.map((row) => [row('step'), row('loss')])).toEqual(steps.map(({ step, loss }) => [step, loss]));
  const { evaluations } = new ReportData(sampleRun());
  const within = evaluations.filter(({ step }) => step >= 1 && step <= steps.length);
  expect(within.length).toBeGreaterThan(0);
  for (const { step, metric } of within) expect(rows[step - 1]?.('validation_metric')).toBe(metric);
});

test('json is one object with a column of all steps for every figure', () => {
  const report = JSON.parse(written('json').toString()) as {
    summary: unknown;
    events: { type: string }[];
    steps: Record<string, (number | null)[]>;
  };
  expect(report.summary).toEqual(JSON.parse(JSON.stringify(new ReportData(sampleRun()).summary)));
  expect(report.steps['gradient_norm']).toEqual(steps.map(({ gradNorm }) => gradNorm));
  expect(new Set(Object.values(report.steps).map(({ length }) => length))).toEqual(new Set([steps.length]));
  expect(report.events.map(({ type }) => type)).toContain('plan.made');
});

describe('markdown', () => {
  test('has the tables of a run', () => {
    const page = written('markdown').toString();
    for (const title of ['Results', 'Validations', 'Plans', 'Freezes']) expect(page).toContain(`## ${title}\n`);
  });

  test('shows texts as texts, each on its line', () => {
    const hostile = sampleRun().map((event) =>
      event.type === 'run.started' ? { ...event, model: '<b>|a|\n# b' } : event,
    );
    expect(written('markdown', hostile).toString()).toMatch(/^# \\<b\\>\\\|a\\\| \\# b on /);
  });
});

describe('tensorboard', () => {
  test('has records whose sums are right, one for each step and validation behind the heading', () => {
    const file = written('tensorboard');
    const contents: Buffer[] = [];
    for (let at = 0; at < file.length;) {
      const length = Number(file.readBigUInt64LE(at));
      const content = file.subarray(at + 12, at + 12 + length);
      expect(file.readUInt32LE(at + 8)).toBe(masked(file.subarray(at, at + 8)));
      expect(file.readUInt32LE(at + 12 + length)).toBe(masked(content));
      contents.push(content);
      at += length + 16;
    }
    const [heading, first, ...others] = contents;
    // Field 1, a double: seconds since 1970. Field 3: the version.
    expect([heading?.readUInt8(0), heading?.readDoubleLE(1)]).toEqual([0x09, BEGAN]);
    expect(heading?.subarray(9).toString()).toBe('\x1a\x0dbrain.Event:2');
    expect(first?.readDoubleLE(1)).toBe(BEGAN + (steps[0]?.time ?? NaN));
    const loss = Buffer.from('train/loss');
    expect(first?.readFloatLE(first.indexOf(loss) + loss.length + 1)).toBe(Math.fround(steps[0]?.loss ?? NaN));
    const validations = others.filter((record) => record.includes('validation/loss'));
    expect(1 + others.length - validations.length).toBe(steps.length);
    expect(validations.length).toBeGreaterThan(0);
  });

  test('uses the check sum of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });
});

/** As the format of records has it. */
function masked(bytes: Buffer): number {
  const sum = BigInt(crc32c(bytes));
  return Number((((sum >> 15n) | (sum << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

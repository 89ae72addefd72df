// pipetrain report: the report of a run anew from its events, or the run in a format that other programs read.
import { statSync } from 'node:fs';
import { Command, Option } from 'commander';
import { UsageError } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { RecordedRun } from '../report/formats/format.js';
import { REPORT_FORMATS } from '../report/formats/registry.js';
import { ReportData } from '../report/report-data.js';
import type { CommandContext } from '../session/command-context.js';
import { writeDerivedFile } from '../session/derived-file.js';
import { writeResults } from '../session/run-session.js';

interface ReportFlags {
  readonly format?: string;
  readonly out?: string;
}

export function reportCommand({ io, exitWith }: CommandContext): Command {
  const formats = REPORT_FORMATS.all.map(({ name, summary }) => `${name} (${summary})`).join('; ');
  return new Command('report')
    .summary('write the report of a run, or its figures for other programs')
    .description(
      'Writes summary.json and report.html of a run anew from its events, and prints the path of the report. ' +
        'With --format it writes the run for other programs instead. Works while the run goes on.',
    )
    .argument('<run>', 'run folder')
    .addOption(new Option('--format <format>', formats).choices(REPORT_FORMATS.names))
    .option('--out <file>', 'with --format: the file to write; it must not exist (default: one in the run folder)')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out digits\n  pipetrain ' +
        'report digits\n  pipetrain report digits --format csv --out steps.csv\n  pipetrain report digits --format ' +
        'tensorboard',
    )
    .action(
      exitWith((path: string, { format, out }: ReportFlags) => {
        const folder = RunFolder.open(path);
        if (format === undefined) {
          if (out !== undefined) throw outAlone(out);
          writeResults(folder);
          io.stdout.lines([folder.reportPath]);
          return 0;
        }
        const { file, write } = REPORT_FORMATS.get(format);
        const run = recorded(folder);
        io.stdout.lines([writeDerivedFile(folder, { out, name: file(run) }, write(run))]);
        return 0;
      }),
    );
}

const outAlone = (out: string): UsageError =>
  new UsageError('PT_USAGE', `--out ${out} names a file for --format, which is not there`, 'Add --format csv, say.');

function recorded(folder: RunFolder): RecordedRun {
  const events = new EventFile(folder.eventsPath);
  const { summary, evaluations, endTime } = new ReportData(events);
  // No event says the time of day: the file was written last when its last event happened.
  return { summary, events, evaluations, beganAt: statSync(folder.eventsPath).mtimeMs / 1000 - endTime };
}

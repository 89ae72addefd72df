// A run of training as commands do it: shown on the console, told to stop by signals, with a report at its end.
import { EXIT, type ExitCode } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEvent } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { joinCommand } from '../../engine/protocol/join-command.js';
import type { RunFolder } from '../../engine/run/run-folder.js';
import { standardCacheFolder } from '../../engine/session/own-folders.js';
import type { ResolvedConfig } from '../../engine/session/resolve-settings.js';
import { type ResumedRun, RunSession } from '../../engine/session/run-session.js';
import type { RunView } from '../../engine/session/session-record.js';
import { ConsoleView, type EventView, JsonView } from '../console/console.js';
import type { CliIo } from '../console/io.js';
import type { Output } from '../console/output.js';
import { watchStopSignals } from '../console/stop-signals.js';
import { renderReport } from '../report/report.js';
import { ReportData } from '../report/report-data.js';
import { ownKeyOf } from './own-key-of.js';
import type { CliServices } from './services.js';

export interface SessionOptions {
  readonly io: CliIo;
  readonly services: CliServices;
  readonly resolved: ResolvedConfig;
  /** Events as JSON lines instead of the console view. */
  readonly json: boolean;
  readonly quickstart: boolean;
  readonly token?: string | undefined;
  /** The file that the token was read from, if any. */
  readonly tokenFile?: string | undefined;
  readonly resume?: ResumedRun;
}

/**
 * Trains, and returns the exit code. Whatever ends a run that has begun, the folder holds its events, a summary and a
 * report; a resume that fails before the run goes on leaves the folder as it was. Throws a UsageError (PT_RUN_HELD)
 * where another process writes into the folder.
 */
export async function runSession(options: SessionOptions): Promise<ExitCode> {
  const { io, services, resolved, json, quickstart, token, resume } = options;
  const stop = watchStopSignals(io);
  try {
    const session = await RunSession.begin({
      engine: services,
      resolved,
      view: new SessionView(json ? new JsonView(io.stdout) : new ConsoleView(io.stdout), io),
      signal: stop.signal,
      command: `pipetrain ${quickstart ? 'quickstart' : 'train'}`,
      now: io.now(),
      host: {
        quickstart,
        token,
        onOpen: (entrance) => tellEntrance(options, entrance),
        ownKey: ownKeyOf(io),
        ...standardCacheFolder(io.env),
      },
      results: writeResults,
      ...(resume === undefined ? {} : { resume }),
    });
    const { status } = await session.train();
    if (status !== 'interrupted') return EXIT.done;
    const { path } = session.folder;
    io.stderr.lines([`interrupted after saving; the run is in ${path}`, `go on with it: pipetrain resume ${path}`]);
    return EXIT.interrupted;
  } finally {
    stop.release();
  }
}

function tellEntrance({ io, resolved: { config }, token, tokenFile }: SessionOptions, entrance: Entrance): void {
  if (config.listen === '') return;
  const from = token === undefined ? 'made' : tokenFile === undefined ? 'told' : { file: tokenFile };
  const { command, places } = joinCommand({ entrance, config, token: from });
  io.stderr.lines(['workers may join with:', `  ${command}`]);
  if (places !== null) io.stderr.lines([`  on another host ${places} name its own copies`]);
}

/** What the console shows of a run, and what it cannot show any more. */
class SessionView implements RunView {
  readonly #view: EventView;
  /** Outputs that were not told of as lost. */
  readonly #outputs: Set<Output>;

  constructor(view: EventView, { stdout, stderr }: CliIo) {
    this.#view = view;
    this.#outputs = new Set([stdout, stderr]);
  }

  show(event: RunEvent): void {
    this.#view.show(event);
  }

  end(summary: Summary, folder: RunFolder): void {
    this.#view.end(summary, { run: folder.path, report: folder.reportPath });
  }

  /** Once for each output that is dropped: where nobody reads it, the events are the place to say so. */
  troubles(): readonly string[] {
    return [...this.#outputs].flatMap((output) => {
      const why = output.lostBecause();
      if (why === null) return [];
      this.#outputs.delete(output);
      return [`${output.name} cannot be written (${why}); the run goes on without it`];
    });
  }
}

/** Writes summary.json and report.html from the events of a folder. */
export function writeResults(folder: RunFolder): Summary {
  const data = new ReportData(new EventFile(folder.eventsPath));
  folder.writeSummary(data.summary);
  folder.writeReport(renderReport(data, folder.readConfig()));
  return data.summary;
}

// RunSession: one training run from its folder to a report: opens the folder and the event log, shows and records
// events, watches the signals, and closes everything whatever happens. It does not train.
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { EXIT, type ExitCode, PipetrainError, toErrorRecord } from '../../engine/core/errors.js';
import { EventLog, readEvents } from '../../engine/events/event-log.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { summarize, type Summary } from '../../engine/events/summary.js';
import { type Entrance, joinCommand } from '../../engine/protocol/entrance.js';
import { defaultRunPath, RunFolder } from '../../engine/run/run-folder.js';
import { standardCacheFolder } from '../config/cache-folder.js';
import type { ResolvedConfig } from '../config/resolve-config.js';
import { showResolved } from '../config/resolved-yaml.js';
import { ConsoleView, JsonView, type RunView } from '../console/console.js';
import type { CliIo } from '../console/io.js';
import { watchStopSignals } from '../console/stop-signals.js';
import { renderReport } from '../report/report.js';
import type { CliServices } from './services.js';

export interface SessionOptions {
  readonly io: CliIo;
  readonly services: CliServices;
  readonly resolved: ResolvedConfig;
  /** Events as JSON lines instead of the console view. */
  readonly json: boolean;
  readonly quickstart: boolean;
  readonly token?: string | undefined;
  /** A run that goes on in its folder, from a checkpoint of it. */
  readonly resume?: { readonly folder: RunFolder; readonly point: ResumePoint };
}

/** Trains, and returns the exit code. Whatever ends the run, the folder holds its events, a summary and a report. */
export async function runSession({
  io,
  services,
  resolved,
  json,
  quickstart,
  token,
  resume,
}: SessionOptions): Promise<ExitCode> {
  const { config } = resolved;
  const folder =
    resume?.folder ?? RunFolder.create(config.out === '' ? defaultRunPath(config.model, io.now()) : config.out);
  folder.writeConfig(showResolved(resolved));
  const log = new EventLog(folder.eventsPath);
  const view: RunView = json ? new JsonView(io.stdout) : new ConsoleView(io.stdout);
  const stop = watchStopSignals(io);
  const seen = { start: resume !== undefined, failure: false, isHolding: false };
  const plans = new Map<number, string>();
  const emit = (body: RunEventBody): void => {
    const event = log.append(body);
    if ((log.heldBecause !== null) !== seen.isHolding) {
      seen.isHolding = log.heldBecause !== null;
      view.show(
        log.append({
          type: 'warning',
          message: seen.isHolding
            ? `events are kept in memory, ${log.heldBecause}; they are written when there is room`
            : 'the events that were kept in memory are written',
        }),
      );
    }
    // A run that goes on must take the same size, whatever would be measured then.
    if (event.type === 'microBatch.chosen') folder.writeConfig(showResolved(withSize(resolved, event.microBatch)));
    if (event.type === 'plan.made') plans.set(event.generation, event.grid);
    if (plans.size > 0) writePlans(folder, plans);
    if (event.type === 'run.started') seen.start = true;
    if (event.type === 'run.failed') seen.failure = true;
    view.show(event);
  };
  const onOpen = (entrance: Entrance): void => {
    if (config.listen !== '') io.stderr.write(`workers may join with:\n  ${joinCommand(entrance)}\n`);
  };
  const finish = (): Summary => {
    log.close();
    const summary = writeResults(folder);
    view.end(summary, { run: folder.path, report: folder.reportPath });
    return summary;
  };
  try {
    await services.runTraining(
      config,
      { runFolder: folder, emit, signal: stop.signal, quickstart, token, onOpen, ...standardCacheFolder(io.env) },
      resume?.point ?? null,
    );
  } catch (error) {
    // The first error is the one to tell: what fails while it is recorded (a full disk, say) only follows from it.
    try {
      const { code, message } = toErrorRecord(error);
      if (!seen.failure && code !== 'PT_INTERRUPTED') emit({ type: 'run.failed', code, message });
      if (seen.start) finish();
      else {
        // Nothing has run: a wrong path should not leave a folder that stands in the way of the next try.
        log.close();
        folder.discard();
      }
    } catch {
      // See above.
    }
    throw error;
  } finally {
    stop.release();
  }
  if (finish().status !== 'interrupted') return EXIT.done;
  io.stderr.write(`interrupted after saving; the run is in ${folder.path}\n`);
  return EXIT.interrupted;
}

const withSize = ({ config, origins }: ResolvedConfig, microBatch: number): ResolvedConfig => ({
  config: { ...config, microBatch },
  origins: new Map([...origins, ['microBatch', 'measurement (auto)']]),
});

/**
 * Writes the plans and forgets them. One for which there is no room waits: it is in the events too, and not worth a
 * run.
 */
function writePlans(folder: RunFolder, plans: Map<number, string>): void {
  for (const [generation, grid] of plans)
    try {
      folder.writePlan(generation, grid);
      plans.delete(generation);
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
    }
}

/** Writes summary.json and report.html from the events of a folder. */
export function writeResults(folder: RunFolder): Summary {
  const events = readEvents(folder.eventsPath);
  const summary = summarize(events);
  folder.writeSummary(summary);
  folder.writeReport(renderReport(events, folder.readConfig()));
  return summary;
}

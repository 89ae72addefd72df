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
  const view: RunView = json ? new JsonView(io.stdout) : new ConsoleView(io.stdout);
  const record = new SessionRecord(folder, view, resolved);
  const stop = watchStopSignals(io);
  const onOpen = (entrance: Entrance): void => {
    if (config.listen !== '') io.stderr.write(`workers may join with:\n  ${joinCommand(entrance)}\n`);
  };
  try {
    await services.runTraining(
      config,
      {
        runFolder: folder,
        emit: (event) => record.emit(event),
        signal: stop.signal,
        quickstart,
        token,
        onOpen,
        ...standardCacheFolder(io.env),
      },
      resume?.point ?? null,
    );
  } catch (error) {
    record.fail(error, resume !== undefined);
    throw error;
  } finally {
    stop.release();
  }
  if (record.finish().status !== 'interrupted') return EXIT.done;
  io.stderr.write(`interrupted after saving; the run is in ${folder.path}\n`);
  return EXIT.interrupted;
}

/** The events of a session: logged, shown, and what the folder keeps because of them. */
class SessionRecord {
  readonly #folder: RunFolder;
  readonly #log: EventLog;
  readonly #view: RunView;
  readonly #resolved: ResolvedConfig;
  /** Plans that are not in the folder yet, by generation. */
  readonly #plans = new Map<number, string>();
  #hasStarted = false;
  #hasFailed = false;
  #isHolding = false;

  constructor(folder: RunFolder, view: RunView, resolved: ResolvedConfig) {
    this.#folder = folder;
    this.#log = new EventLog(folder.eventsPath);
    this.#view = view;
    this.#resolved = resolved;
  }

  emit(body: RunEventBody): void {
    const event = this.#log.append(body);
    this.#tellHolding();
    // A run that goes on must take the same size, whatever would be measured then.
    if (event.type === 'microBatch.chosen')
      this.#folder.writeConfig(showResolved(withSize(this.#resolved, event.microBatch)));
    if (event.type === 'plan.made') this.#plans.set(event.generation, event.grid);
    if (this.#plans.size > 0) writePlans(this.#folder, this.#plans);
    if (event.type === 'run.started') this.#hasStarted = true;
    if (event.type === 'run.failed') this.#hasFailed = true;
    this.#view.show(event);
  }

  /** Closes the log, and writes and shows what the run came to. */
  finish(): Summary {
    this.#log.close();
    const summary = writeResults(this.#folder);
    this.#view.end(summary, { run: this.#folder.path, report: this.#folder.reportPath });
    return summary;
  }

  /**
   * Records how the run ended; never throws. `isResumed`: what was there before stays, even where nothing was done now.
   */
  fail(error: unknown, isResumed: boolean): void {
    // The first error is the one to tell: what fails while it is recorded (a full disk, say) only follows from it.
    try {
      const { code, message } = toErrorRecord(error);
      if (!this.#hasFailed && code !== 'PT_INTERRUPTED') this.emit({ type: 'run.failed', code, message });
      if (this.#hasStarted || isResumed) this.finish();
      else {
        // Nothing has run: a wrong path should not leave a folder that stands in the way of the next try.
        this.#log.close();
        this.#folder.discard();
      }
    } catch {
      // See above.
    }
  }

  /** Says it once when events have to wait in memory, and once when they are written. */
  #tellHolding(): void {
    const { heldBecause } = this.#log;
    if ((heldBecause !== null) === this.#isHolding) return;
    this.#isHolding = heldBecause !== null;
    this.#view.show(
      this.#log.append({
        type: 'warning',
        message:
          heldBecause !== null
            ? `events are kept in memory, ${heldBecause}; they are written when there is room`
            : 'the events that were kept in memory are written',
      }),
    );
  }
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

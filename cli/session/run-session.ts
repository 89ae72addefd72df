// RunSession: one training run from its folder to a report: opens the folder and the event log, shows and records
// events, watches the signals, and closes everything whatever happens. It does not train.
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { EXIT, type ExitCode, PipetrainError, toErrorRecord } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEventBody } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { joinCommand } from '../../engine/protocol/join-command.js';
import type { ProgressState } from '../../engine/run/progress.js';
import { defaultRunPath, RunFolder } from '../../engine/run/run-folder.js';
import { TraceFile } from '../../engine/trace/trace-file.js';
import type { UntimedLine } from '../../engine/trace/trace-line.js';
import { standardCacheFolder } from '../config/cache-folder.js';
import type { ResolvedConfig } from '../config/resolve-config.js';
import { showResolved } from '../config/resolved-yaml.js';
import { ConsoleView, JsonView, type RunView } from '../console/console.js';
import type { CliIo } from '../console/io.js';
import type { Output } from '../console/output.js';
import { watchStopSignals } from '../console/stop-signals.js';
import { renderReport } from '../report/report.js';
import { ReportData } from '../report/report-data.js';
import { ownKeyOf } from './foreign-run.js';
import type { CliServices } from './services.js';
import { SessionLog } from './session-log.js';

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
  /** A run that goes on in its folder, which this process holds, from a checkpoint of it. */
  readonly resume?: { readonly folder: RunFolder; readonly point: ResumePoint; readonly acceptsOtherBits: boolean };
}

/**
 * Trains, and returns the exit code. Whatever ends a run that has begun, the folder holds its events, a summary and a
 * report; a resume that fails before the run goes on leaves the folder as it was. Throws a UsageError (PT_RUN_HELD)
 * where another process writes into the folder.
 */
export async function runSession(options: SessionOptions): Promise<ExitCode> {
  const { resume, resolved, io, quickstart, services } = options;
  // Before anything is made, or touched.
  await services.checkSettings(resolved.config);
  if (resume !== undefined) return trainIn(resume.folder, options);
  const { out, model } = resolved.config;
  const folder = RunFolder.create(out === '' ? defaultRunPath(model, io.now()) : out);
  const lock = await folder.hold(`pipetrain ${quickstart ? 'quickstart' : 'train'}`, true);
  try {
    return await trainIn(folder, options);
  } finally {
    lock.release();
  }
}

async function trainIn(
  folder: RunFolder,
  { io, services, resolved, json, quickstart, token, tokenFile, resume }: SessionOptions,
): Promise<ExitCode> {
  const { config } = resolved;
  const view: RunView = json ? new JsonView(io.stdout) : new ConsoleView(io.stdout);
  const record = new SessionRecord(folder, view, resolved, io, resume?.point.manifest.progress ?? null);
  if (resume === undefined) record.begin();
  const stop = watchStopSignals(io);
  const onOpen = (entrance: Entrance): void => {
    if (config.listen === '') return;
    const from = token === undefined ? 'made' : tokenFile === undefined ? 'told' : { file: tokenFile };
    const { command, places } = joinCommand({ entrance, config, token: from });
    io.stderr.lines(['workers may join with:', `  ${command}`]);
    if (places !== null) io.stderr.lines([`  on another host ${places} name its own copies`]);
  };
  try {
    await services.runTraining(
      config,
      {
        runFolder: folder,
        emit: (event) => record.emit(event),
        trace: (line) => record.trace(line),
        sync: () => record.sync(),
        signal: stop.signal,
        quickstart,
        token,
        onOpen,
        ownKey: ownKeyOf(io),
        acceptsOtherBits: resume?.acceptsOtherBits ?? false,
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
  io.stderr.lines([
    `interrupted after saving; the run is in ${folder.path}`,
    `go on with it: pipetrain resume ${folder.path}`,
  ]);
  return EXIT.interrupted;
}

/** The events of a session: logged, shown, and what the folder keeps because of them. */
class SessionRecord {
  readonly #folder: RunFolder;
  readonly #log: SessionLog;
  readonly #trace: TraceFile;
  readonly #view: RunView;
  readonly #from: ProgressState | null;
  #resolved: ResolvedConfig;
  /** Outputs that were not told of as lost. */
  readonly #outputs: Set<Output>;
  /** Plans that are not in the folder yet, by generation. */
  readonly #plans = new Map<number, string>();
  #hasStarted = false;
  #hasPlan = false;
  #hasFailed = false;
  #isHolding = false;
  #hasTraceEnded = false;

  /** `from` is where a run goes on that goes on. */
  constructor(
    folder: RunFolder,
    view: RunView,
    resolved: ResolvedConfig,
    { stdout, stderr }: CliIo,
    from: ProgressState | null,
  ) {
    this.#from = from;
    this.#folder = folder;
    this.#log = new SessionLog(folder.eventsPath);
    this.#trace = new TraceFile(folder.tracePath);
    this.#view = view;
    this.#resolved = resolved;
    this.#outputs = new Set([stdout, stderr]);
  }

  /** From now on the folder is written; before, nothing in it is touched. */
  begin(): void {
    this.#folder.writeConfig(showResolved(this.#resolved));
    for (const event of this.#log.begin(this.#from)) this.#view.show(event);
  }

  emit(body: RunEventBody): void {
    // A run that goes on has begun when it stands where it was left.
    if (body.type === 'resumed' && !this.#log.hasBegun) this.begin();
    const event = this.#log.append(body);
    this.#tellHolding();
    this.#tellLostOutputs();
    // A run that goes on must take the same size, whatever would be measured then.
    if (event.type === 'microBatch.chosen') this.#keepSize(event.microBatch);
    if (event.type === 'plan.made') this.#plans.set(event.generation, event.grid);
    if (this.#plans.size > 0 && this.#log.hasBegun) writePlans(this.#folder, this.#plans);
    if (event.type === 'run.started') this.#hasStarted = true;
    if (event.type === 'plan.made') this.#hasPlan = true;
    if (event.type === 'run.failed') this.#hasFailed = true;
    this.#view.show(event);
  }

  trace(line: UntimedLine): void {
    this.#trace.append(line.type === 'plan' ? line : { ...line, time: this.#log.time });
    const { endedBecause: why } = this.#trace;
    if (why === null || this.#hasTraceEnded) return;
    this.#hasTraceEnded = true;
    this.emit({ type: 'warning', message: `the trace ends here, ${why}; the run goes on without it` });
  }

  /** Puts all events on the disk. */
  sync(): void {
    this.#log.sync();
  }

  /** Closes the log, and writes and shows what the run came to. */
  finish(): Summary {
    this.#log.close();
    this.#trace.close();
    const summary = writeResults(this.#folder);
    this.#view.end(summary, { run: this.#folder.path, report: this.#folder.reportPath });
    return summary;
  }

  /**
   * Records how the run ended; never throws. `isResumed`: what was there before stays, even where nothing was done now.
   */
  fail(error: unknown, isResumed: boolean): void {
    // What did not go on has not failed: the run is as finished or as interrupted as it was.
    if (!this.#log.hasBegun) return;
    // The first error is the one to tell: what fails while it is recorded (a full disk, say) only follows from it.
    try {
      const { code, message, exitCode } = toErrorRecord(error);
      // What a person asked for cannot be, and no step was planned yet.
      const isRefused = exitCode === EXIT.usage && !this.#hasPlan;
      if (!this.#hasFailed && code !== 'PT_INTERRUPTED') this.emit({ type: 'run.failed', code, message });
      if ((this.#hasStarted && !isRefused) || isResumed) this.finish();
      else {
        // Nothing has run: a wrong path should not leave a folder that stands in the way of the next try.
        this.#log.close();
        this.#folder.discard();
      }
    } catch {
      // See above.
    }
  }

  #keepSize(microBatch: number): void {
    this.#resolved = withSize(this.#resolved, microBatch);
    if (this.#log.hasBegun) this.#folder.writeConfig(showResolved(this.#resolved));
  }

  /** Says it once for each output that is dropped: where nobody reads it, the events are the place. */
  #tellLostOutputs(): void {
    for (const output of this.#outputs) {
      const why = output.lostBecause();
      if (why === null) continue;
      this.#outputs.delete(output);
      const message = `${output.name} cannot be written (${why}); the run goes on without it`;
      this.#view.show(this.#log.append({ type: 'warning', message }));
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
  const data = new ReportData(new EventFile(folder.eventsPath));
  folder.writeSummary(data.summary);
  folder.writeReport(renderReport(data, folder.readConfig()));
  return data.summary;
}

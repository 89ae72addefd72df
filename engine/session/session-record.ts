// SessionRecord: the events of a session of a run: logged, shown, and what the run folder keeps because of them.
import { EXIT, PipetrainError, toErrorRecord } from '../core/errors.js';
import type { RunEvent, RunEventBody } from '../events/events.js';
import type { Summary } from '../events/summary.js';
import type { ProgressState } from '../run/progress.js';
import type { RunFolder } from '../run/run-folder.js';
import { TraceFile } from '../trace/trace-file.js';
import type { UntimedLine } from '../trace/trace-line.js';
import type { ResolvedConfig } from './resolve-settings.js';
import { showResolved } from './resolved-yaml.js';
import { SessionLog } from './session-log.js';

/** How a run is shown while it goes on, and at its end. */
export interface RunView {
  show(event: RunEvent): void;
  end(summary: Summary, folder: RunFolder): void;
  /** What has come in its own way since it was asked last, one sentence each: it becomes warnings of the run. */
  troubles?(): readonly string[];
}

export interface RecordOptions {
  readonly folder: RunFolder;
  readonly view: RunView;
  readonly resolved: ResolvedConfig;
  /** Where a run goes on that goes on, or null. */
  readonly from: ProgressState | null;
  /** Writes what the events of the folder come to, and returns it. */
  readonly results: (folder: RunFolder) => Summary;
}

export class SessionRecord {
  readonly #folder: RunFolder;
  readonly #log: SessionLog;
  readonly #trace: TraceFile;
  readonly #view: RunView;
  readonly #from: ProgressState | null;
  readonly #results: RecordOptions['results'];
  #resolved: ResolvedConfig;
  /** Plans that are not in the folder yet, by generation. */
  readonly #plans = new Map<number, string>();
  #hasStarted = false;
  #hasPlan = false;
  #hasFailed = false;
  #isHolding = false;
  #hasTraceEnded = false;

  constructor({ folder, view, resolved, from, results }: RecordOptions) {
    this.#from = from;
    this.#folder = folder;
    this.#log = new SessionLog(folder.eventsPath);
    this.#trace = new TraceFile(folder.tracePath);
    this.#view = view;
    this.#resolved = resolved;
    this.#results = results;
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
    for (const message of this.#view.troubles?.() ?? [])
      this.#view.show(this.#log.append({ type: 'warning', message }));
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
    const summary = this.#results(this.#folder);
    this.#view.end(summary, this.#folder);
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

// RunSession: one run of training as a value: from its folder, which this process holds meanwhile, to what it came to.
// It records events and hands them to a view; it does not train, prints nothing and touches nothing of the process.
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import type { TrainConfig } from '../core/config.js';
import { EventFile } from '../events/event-file.js';
import { summarize, type Summary } from '../events/summary.js';
import { defaultRunPath, RunFolder } from '../run/run-folder.js';
import type { TrainHost } from '../trainer/train-host.js';
import type { ResolvedConfig } from './resolve-settings.js';
import { type RunView, SessionRecord } from './session-record.js';

/** What of the engine a session needs; loaded when it is needed. */
export interface SessionEngine {
  /** Rejects with the UsageError of what is wrong without a look at model and data. */
  checkSettings(config: TrainConfig): Promise<void>;
  runTraining(config: TrainConfig, host: TrainHost, from: ResumePoint | null): Promise<void>;
}

/** A run that goes on in its folder, which this process holds, from a checkpoint of it. */
export interface ResumedRun {
  readonly folder: RunFolder;
  readonly point: ResumePoint;
  readonly acceptsOtherBits: boolean;
}

export interface SessionOptions {
  readonly engine: SessionEngine;
  readonly resolved: ResolvedConfig;
  readonly view: RunView;
  /** Aborted when somebody asks to stop: the step is finished, the run saved. */
  readonly signal: AbortSignal;
  /** What holds the folder, for others who ask. */
  readonly command: string;
  readonly now: Date;
  /** What else the trainer is handed. */
  readonly host: Pick<TrainHost, 'cacheFolder' | 'ownKey' | 'token' | 'onOpen' | 'quickstart'>;
  /** Writes what the events of the folder come to, and returns it; by default summary.json alone. */
  readonly results?: (folder: RunFolder) => Summary;
  /** Awaited when training has ended in order; rejects where somebody who watched has failed: then the run has, too. */
  readonly watchers?: () => Promise<void>;
  readonly resume?: ResumedRun;
}

export class RunSession {
  readonly folder: RunFolder;
  readonly #options: SessionOptions;
  readonly #release: () => void;

  private constructor(folder: RunFolder, options: SessionOptions, release: () => void) {
    this.folder = folder;
    this.#options = options;
    this.#release = release;
  }

  /**
   * Makes the folder of a new run and holds it until `train` has ended, which has to follow. Rejects with the
   * UsageError of a setting that cannot be right, before anything is made; PT_OUT_IN_USE and PT_RUN_HELD as RunFolder
   * says.
   */
  static async begin(options: SessionOptions): Promise<RunSession> {
    const { engine, resolved, resume, command, now } = options;
    await engine.checkSettings(resolved.config);
    if (resume !== undefined) return new RunSession(resume.folder, options, () => undefined);
    const { out, model } = resolved.config;
    const folder = RunFolder.create(out === '' ? defaultRunPath(model, now) : out);
    const lock = await folder.hold(command, true);
    return new RunSession(folder, options, () => lock.release());
  }

  /**
   * Trains, and returns what the run came to. Whatever ends a run that has begun, the folder holds its events and a
   * summary; a resume that fails before the run goes on leaves the folder as it was. Rejects with the root cause.
   */
  async train(): Promise<Summary> {
    try {
      return await this.#train();
    } finally {
      this.#release();
    }
  }

  async #train(): Promise<Summary> {
    const { engine, resolved, view, signal, host, results = writeSummary, resume } = this.#options;
    const from = resume?.point ?? null;
    const progress = from?.manifest.progress ?? null;
    const record = new SessionRecord({ folder: this.folder, view, resolved, from: progress, results });
    try {
      if (resume === undefined) record.begin();
      await engine.runTraining(
        resolved.config,
        {
          ...host,
          runFolder: this.folder,
          emit: (event) => record.emit(event),
          trace: (line) => record.trace(line),
          sync: () => record.sync(),
          signal,
          acceptsOtherBits: resume?.acceptsOtherBits ?? false,
        },
        from,
      );
      await this.#options.watchers?.();
    } catch (error) {
      record.fail(error, resume !== undefined);
      throw error;
    }
    return record.finish();
  }
}

/** Writes summary.json from the events of a folder. */
function writeSummary(folder: RunFolder): Summary {
  const summary = summarize(new EventFile(folder.eventsPath));
  folder.writeSummary(summary);
  return summary;
}

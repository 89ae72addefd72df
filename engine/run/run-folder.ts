// RunFolder: the folder of one run, and the only place that knows the names inside it. It holds paths and writes whole
// files; it does not know what they mean.
import { existsSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DESCRIPTION_BYTES, readBoundedText } from '../core/bounded-file.js';
import { DataError, messageOf, UsageError } from '../core/errors.js';
import { makeFolder } from '../core/made-folder.js';
import { writeWholeFile } from '../core/whole-file.js';
import { LEGEND_FILE } from '../data/legend.js';
import type { Summary } from '../events/summary.js';
import { requireNotHeld, RunLock } from './run-lock.js';

const NAMES = {
  config: 'config.resolved.yaml',
  events: 'events.jsonl',
  plans: 'plans',
  checkpoints: 'checkpoints',
  summary: 'summary.json',
  report: 'report.html',
  trace: 'trace.jsonl',
  doorplate: 'coordinator.json',
  legend: LEGEND_FILE,
} as const;
const LOCK = 'lock';

const LIMIT = { maxBytes: DESCRIPTION_BYTES, remedy: 'It is none that a run wrote; name the folder of another run.' };

export class RunFolder {
  /** As given by the user; relative paths are relative to the working directory. */
  readonly path: string;
  /** The folders that were made for this one, itself included, innermost first. */
  readonly #made: readonly string[];

  private constructor(path: string, made: readonly string[] = []) {
    this.path = path;
    this.#made = made;
  }

  /**
   * A new folder for a run. Throws a UsageError: PT_OUT_IN_USE where the folder holds a run already, PT_RUN_HELD where
   * a process is writing one there.
   */
  static create(path: string): RunFolder {
    if (existsSync(path)) {
      if (!statSync(path).isDirectory())
        throw new UsageError(
          'PT_OUT_IN_USE',
          `--out ${path} is a file, not a folder`,
          'Name a folder that does not exist yet.',
        );
      requireEmpty(path);
    }
    const folder = new RunFolder(path, missingFolders(path));
    folder.#guard(() => {
      makeFolder(folder.plansPath);
      makeFolder(folder.checkpointsPath);
    });
    return folder;
  }

  /** The folder of a run that exists. Throws a UsageError (PT_RUN_NOT_FOUND) where there is none. */
  static open(path: string): RunFolder {
    const folder = new RunFolder(path);
    if (!existsSync(folder.eventsPath)) {
      const problem = existsSync(path)
        ? `${path} is not a run folder: it has no ${NAMES.events}`
        : `there is no folder ${path}`;
      throw new UsageError('PT_RUN_NOT_FOUND', problem, `Name the folder of a run${listRuns(path)}.`);
    }
    return folder;
  }

  /**
   * Makes this process the one that writes into the folder, until the lock is released or the process is gone. Rejects
   * with a UsageError: PT_RUN_HELD where another one is, and with `isNew` PT_OUT_IN_USE where one was since the folder
   * was made.
   */
  async hold(command: string, isNew = false): Promise<RunLock> {
    const lock = await RunLock.take(join(this.path, LOCK), this.path, command);
    const began = isNew ? [NAMES.config, NAMES.events].filter((name) => existsSync(join(this.path, name))) : [];
    if (began.length === 0) return lock;
    lock.release();
    throw inUse(this.path, began);
  }

  get configPath(): string {
    return join(this.path, NAMES.config);
  }
  get eventsPath(): string {
    return join(this.path, NAMES.events);
  }
  get plansPath(): string {
    return join(this.path, NAMES.plans);
  }
  get checkpointsPath(): string {
    return join(this.path, NAMES.checkpoints);
  }
  get summaryPath(): string {
    return join(this.path, NAMES.summary);
  }
  get reportPath(): string {
    return join(this.path, NAMES.report);
  }

  /** What every worker did when, as it was recorded. */
  get tracePath(): string {
    return join(this.path, NAMES.trace);
  }

  writeConfig(text: string): void {
    this.#write(this.configPath, text);
  }

  /** The resolved configuration as it was saved, or null where the run has none. */
  readConfig(): string | null {
    return existsSync(this.configPath) ? readBoundedText(this.configPath, LIMIT) : null;
  }

  /** Saves the text grid of a plan as plans/<generation>.txt. */
  writePlan(generation: number, text: string): void {
    this.#write(join(this.plansPath, `${generation}.txt`), text.endsWith('\n') ? text : `${text}\n`);
  }

  writeSummary(summary: Summary): void {
    this.#write(this.summaryPath, `${JSON.stringify(summary, null, 2)}\n`);
  }

  /** What `writeSummary` wrote, as far as it is an object; empty for anything else. Throws what reading throws. */
  readSummary(): Readonly<Record<string, unknown>> {
    try {
      const value: unknown = JSON.parse(readBoundedText(this.summaryPath, LIMIT));
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    } catch (error) {
      // What is no JSON says nothing.
      if (error instanceof SyntaxError) return {};
      throw error;
    }
  }

  /** Keeps the legend that the data are read by. Returns where it is. */
  writeLegend(text: string): string {
    const path = join(this.path, NAMES.legend);
    this.#write(path, text);
    return path;
  }

  /** By which a folder that was moved is known again, and a copy is told from it. */
  identity(): { readonly device: string; readonly inode: string } {
    return this.#guard(() => {
      const { dev, ino } = statSync(this.path, { bigint: true });
      return { device: String(dev), inode: String(ino) };
    });
  }

  /** How to reach the run while it goes on, token included: for the user who started it alone (mode 0600). */
  writeDoorplate(text: string): void {
    this.#write(join(this.path, NAMES.doorplate), text, 0o600);
  }

  /** What `writeDoorplate` wrote, or null where the run is over, or cannot be asked. */
  readDoorplate(): string | null {
    const path = join(this.path, NAMES.doorplate);
    return existsSync(path) ? readBoundedText(path, LIMIT) : null;
  }

  /** Never throws: it may be called while the process ends. */
  removeDoorplate(): void {
    try {
      rmSync(join(this.path, NAMES.doorplate), { force: true });
    } catch {
      // A stale one only leads to a process that is not there.
    }
  }

  writeReport(html: string): void {
    this.#write(this.reportPath, html);
  }

  /**
   * Removes what a run writes, and the folders that were made for it where nothing else is in them. For a run that
   * never started, by the process that holds the folder.
   */
  discard(): void {
    for (const name of [...Object.values(NAMES), LOCK]) rmSync(join(this.path, name), { recursive: true, force: true });
    for (const folder of this.#made) {
      if (readdirSync(folder).length > 0) return;
      rmdirSync(folder);
    }
  }

  /** Whole or not at all: a reader never sees half a file. */
  #write(path: string, text: string, mode?: number): void {
    this.#guard(() => {
      writeWholeFile(path, text, mode === undefined ? {} : { mode });
    });
  }

  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new DataError(
        'PT_RUN_FOLDER',
        `the run folder ${this.path} cannot be written: ${messageOf(error)}`,
        'Check free space and permissions, or name another folder with --out.',
        { cause: error },
      );
    }
  }
}

/** The folder and those above it that are not there, innermost first. */
function missingFolders(path: string): string[] {
  const folder = resolve(path);
  return existsSync(folder) ? [] : [folder, ...missingFolders(dirname(folder))];
}

/** Throws a UsageError where there is something of a run in the folder. */
function requireEmpty(path: string): void {
  const taken = Object.values(NAMES).filter((name) => existsSync(join(path, name)));
  if (taken.length === 0) return;
  requireNotHeld(join(path, LOCK), path);
  throw inUse(path, taken);
}

const inUse = (path: string, names: readonly string[]): UsageError =>
  new UsageError(
    'PT_OUT_IN_USE',
    `${path} holds a run already (${names.join(', ')})`,
    'Name another folder with --out, or delete this one. A run is never overwritten.',
  );

/** runs/<YYYYMMDD-HHMMSS>-<model> in local time; a number is appended where two runs start in the same second. */
export function defaultRunPath(model: string, now: Date, exists: (path: string) => boolean = existsSync): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const clock = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  // A model may be a file or hf:DIR; only its last part names the folder.
  const last =
    model
      .split(/[\\/:]/)
      .filter(Boolean)
      .at(-1) ?? 'model';
  const name = last.replace(/\.[cm]?[jt]s$/, '').replace(/[^\w.-]+/g, '-');
  const base = join('runs', `${day}-${clock}-${name}`);
  for (let number = 1; ; number++) {
    const path = number === 1 ? base : `${base}-${number}`;
    if (!exists(path)) return path;
  }
}

/** For hints: the runs that lie beside a folder that is none. */
function listRuns(path: string): string {
  for (const parent of [path, join(path, '..'), 'runs']) {
    if (!existsSync(parent) || !statSync(parent).isDirectory()) continue;
    const runs = readdirSync(parent).filter((name) => existsSync(join(parent, name, NAMES.events)));
    if (runs.length > 0) return `, for example ${join(parent, runs.sort().at(-1) as string)}`;
  }
  return '; `pipetrain train` prints it at its end';
}

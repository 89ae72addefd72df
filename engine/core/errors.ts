// Errors that people see. Each has a stable code (documented in docs/errors.md), a message that names the thing and
// both numbers, a hint with the remedy, and the exit code of the command. Bugs are not here: see invariant.ts.

/** Exit codes of the `pipetrain` command; documented in docs/errors.md. */
export const EXIT = {
  done: 0,
  internal: 1,
  usage: 2,
  invalid: 3,
  workerLost: 4,
  nonFinite: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Base of every error meant for a person. `code` is stable, `hint` says what to do next. */
export class PipetrainError extends Error {
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly hint: string;
  constructor(code: string, exitCode: ExitCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** The command line or the configuration is wrong (exit code 2). */
export class UsageError extends PipetrainError {
  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(code, EXIT.usage, message, hint, options);
  }
}

/** A data set or a file of one cannot be used (exit code 3). */
export class DataError extends PipetrainError {
  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(code, EXIT.invalid, message, hint, options);
  }
}

/** A model definition cannot be used (exit code 3). */
export class ModelError extends PipetrainError {
  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(code, EXIT.invalid, message, hint, options);
  }
}

/** A worker failed in a way the run cannot survive (exit code 4). */
export class WorkerError extends PipetrainError {
  constructor(code: string, message: string, hint: string, options?: ErrorOptions) {
    super(code, EXIT.workerLost, message, hint, options);
  }
}

/** The loss or a gradient is not finite (exit code 5). */
export class NonFiniteError extends PipetrainError {
  constructor(message: string, hint: string) {
    super('PT_NON_FINITE', EXIT.nonFinite, message, hint);
  }
}

/** The run was interrupted by a signal after saving (exit code 130). */
export class InterruptedError extends PipetrainError {
  constructor(message: string, hint: string) {
    super('PT_INTERRUPTED', EXIT.interrupted, message, hint);
  }
}

/** What anything that was thrown says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the system says of a path or an address that somebody named, and that nothing else has put into words. */
const OF_PATHS: readonly unknown[] = ['ENAMETOOLONG', 'ELOOP', 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC'];
/** Characters of a path that are told: it may be as long as somebody made it. */
const PATH_TOLD = 200;

/** Says in our words why the system refused a path (DataError PT_SYSTEM); null for any other error. */
export function systemError(error: unknown): DataError | null {
  if (!(error instanceof Error) || error instanceof PipetrainError) return null;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined || !OF_PATHS.includes(code)) return null;
  const shown = path.length > PATH_TOLD ? `${path.slice(0, PATH_TOLD)}... (${path.length} characters)` : path;
  const what = error.message.replace(/^\w+: /, '').replace(/, \w+ '[^]*$/, '');
  return new DataError(
    'PT_SYSTEM',
    `${shown} cannot be used: ${what} (${code}, ${syscall ?? 'system'})`,
    'Check the path, the permissions and the free space, or name another one.',
    { cause: error },
  );
}

/** What crosses a process border instead of an Error object. */
export interface ErrorRecord {
  readonly code: string;
  readonly exitCode: number;
  readonly message: string;
  readonly hint: string;
  readonly stack?: string | undefined;
}

/** Turns anything thrown into a record; unknown errors become PT_INTERNAL with their stack. */
export function toErrorRecord(error: unknown): ErrorRecord {
  const told = error instanceof PipetrainError ? error : systemError(error);
  if (told !== null) return { code: told.code, exitCode: told.exitCode, message: told.message, hint: told.hint };
  const known = error instanceof Error ? error : new Error(String(error));
  return {
    code: 'PT_INTERNAL',
    exitCode: EXIT.internal,
    message: known.message,
    hint: 'This is a defect of pipetrain; please report it with the stack below.',
    ...(known.stack === undefined ? {} : { stack: known.stack }),
  };
}

/** The inverse of `toErrorRecord`, keeping the code, exit code and hint. */
export function fromErrorRecord(record: ErrorRecord): PipetrainError {
  const error = new PipetrainError(record.code, record.exitCode as ExitCode, record.message, record.hint);
  if (record.stack !== undefined) error.stack = record.stack;
  return error;
}

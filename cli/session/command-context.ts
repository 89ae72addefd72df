// CommandContext: what every command is built with: the outside world, the engine, and the place for its exit code.
import type { CliIo } from '../console/io.js';
import type { CliServices } from './services.js';

export interface CommandContext {
  readonly io: CliIo;
  readonly services: CliServices;
  /** Wraps an action so that what it returns becomes the exit code of the command. */
  readonly exitWith: <Args extends readonly unknown[]>(
    action: (...args: Args) => number | Promise<number>,
  ) => (...args: Args) => Promise<void>;
}

// TokenFlags: how a command gets the token of a run: from a file that its user alone can read, from the environment, or
// from the command line, where every user of the host can see it. Which tokens will do is engine/protocol/token.ts's
// business.
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import type { Command } from 'commander';
import type { TrainConfig } from '../../engine/core/config.js';
import { messageOf, UsageError } from '../../engine/core/errors.js';
import { TOKEN_VARIABLE } from './config-layers.js';
import { refuseIdleFlags } from './flag-checks.js';

/** No token is longer; a larger file is another one. */
const MAX_FILE_BYTES = 4096;
/** Others can read or write. */
const REACHABLE = 0o077;

/** As `addTokenFlags` takes it, for those that open a run. */
export const TOKEN_OF_JOINERS = 'with --listen: what workers that join must know (default: a random token)';

type Environment = Readonly<Record<string, string | undefined>>;

export interface TokenFlags {
  readonly token?: string;
  readonly tokenFile?: string;
}

/** `what`: the token of what, and what holds where none is given. */
export function addTokenFlags(command: Command, what: string): Command {
  return command
    .option('--token-file <file>', `${what}, in a file that only you can read (or in ${TOKEN_VARIABLE})`)
    .option('--token <secret>', 'the token itself; every user of this host can see it in the list of processes');
}

/** Throws a UsageError (PT_CONFIG_IDLE) for a token to a port that nobody is told. */
export function refuseIdleToken(command: Command, { listen, port }: Pick<TrainConfig, 'listen' | 'port'>): void {
  const why = listen === '' && port === 0 ? 'nobody can join without --listen HOST:PORT (or --port)' : null;
  refuseIdleFlags(command, { token: why, tokenFile: why });
}

/**
 * The token that a command was given, or undefined. Throws a UsageError: PT_USAGE where it is given twice,
 * PT_TOKEN_FILE where the file cannot be read, holds none, or can be read by others.
 */
export function tokenOf(
  { token, tokenFile }: TokenFlags,
  { env, stderr }: { readonly env: Environment; readonly stderr: { lines(texts: readonly string[]): void } },
): string | undefined {
  if (token !== undefined && tokenFile !== undefined)
    throw new UsageError('PT_USAGE', '--token and --token-file are both given', 'Give one.');
  if (tokenFile !== undefined) return readTokenFile(tokenFile);
  // A variable that is set to nothing is not given, as of every setting.
  if (token === undefined) return env[TOKEN_VARIABLE] === '' ? undefined : env[TOKEN_VARIABLE];
  stderr.lines([
    `warning: other users of this host can see what --token says; ${TOKEN_VARIABLE} and --token-file are not seen`,
  ]);
  return token;
}

function readTokenFile(path: string): string {
  let file: number;
  try {
    // A pipe is not waited for.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    throw fileError(`${path} cannot be read: ${messageOf(cause)}`, 'Check the path.', cause);
  }
  try {
    const problem = problemOf(fstatSync(file));
    if (problem !== null)
      throw fileError(`${path} ${problem}`, `Make it anew, readable by you alone: chmod 600 ${path}`);
    const token = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    if (token === '') throw fileError(`${path} is empty`, 'Write the token of the run into it.');
    if (!/^[\x20-\x7e]+$/.test(token))
      throw fileError(`${path} is not one line of printable characters`, 'Write the token alone into it.');
    return token;
  } finally {
    closeSync(file);
  }
}

/** Why a file cannot hold a secret of this user, or null. */
function problemOf(stat: Stats): string | null {
  const user = process.geteuid?.();
  if (!stat.isFile()) return 'is no file';
  if (stat.size > MAX_FILE_BYTES) return `has ${stat.size} bytes; a token has at most ${MAX_FILE_BYTES}`;
  // Systems without users have no such modes either.
  if (user === undefined) return null;
  if (stat.uid !== user && stat.uid !== 0) return `belongs to user ${stat.uid}, not to you (user ${user})`;
  if ((stat.mode & REACHABLE) !== 0) return `can be read by others (mode ${(stat.mode & 0o777).toString(8)})`;
  return null;
}

const fileError = (message: string, hint: string, cause?: unknown): UsageError =>
  new UsageError('PT_TOKEN_FILE', message, hint, { cause });

// Token: what everybody must show who comes to a run: how one is made, and which of those that people choose will do.
// Whoever can reach a port may guess as often as the port answers; only the length of the token stands against that.
import { randomBytes } from 'node:crypto';
import { UsageError } from '../core/errors.js';

/** Bytes of a token that is made here: 192 bits, 32 characters. */
const TOKEN_BYTES = 24;

interface Strength {
  readonly characters: number;
  /** Different ones. */
  readonly distinct: number;
  /** Different pairs of neighbours: what is repeated counts once. */
  readonly pairs: number;
}

/** As many characters as 128 random bits have in base64. */
const OPEN: Strength = { characters: 22, distinct: 8, pairs: 16 };
/** Only users of this host can guess. */
const LOOPBACK: Strength = { characters: 16, distinct: 8, pairs: 11 };

export const makeToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url');

/** Throws a UsageError (PT_TOKEN_WEAK) where a token could be guessed by those who reach `host`. */
export function requireStrongToken(token: string, host: string, isLoopback: boolean): void {
  const wanted = isLoopback ? LOOPBACK : OPEN;
  const found = strengthOf(token);
  const lacks =
    found.characters < wanted.characters
      ? `has ${found.characters} characters, at least ${wanted.characters} are wanted`
      : found.distinct < wanted.distinct
        ? `has ${found.distinct} different characters, at least ${wanted.distinct} are wanted`
        : found.pairs < wanted.pairs
          ? `repeats itself: it has ${found.pairs} different pairs of characters, at least ${wanted.pairs} are wanted`
          : null;
  if (lacks === null) return;
  throw new UsageError(
    'PT_TOKEN_WEAK',
    `the token ${lacks} where the run listens on ${host}`,
    'Give no token: a random one is made and shown. Or take one of `openssl rand -hex 16`.',
  );
}

function strengthOf(token: string): Strength {
  const characters = [...token];
  return {
    characters: characters.length,
    distinct: new Set(characters).size,
    pairs: new Set(characters.slice(1).map((character, i) => `${characters[i]}${character}`)).size,
  };
}

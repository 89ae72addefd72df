// ProgramDigest: a name that two programs share if and only if they are the same, whatever made them: traced now, or
// read from a file.
import { createHash } from 'node:crypto';
import type { Program } from './program.js';

/** SHA-256 over name, graph and ports, hexadecimal. */
export function programDigest(program: Program): string {
  return createHash('sha256').update(JSON.stringify(program, exact)).digest('hex');
}

/** JSON has no typed arrays, no -0, no infinities and no NaN; each gets a text that nothing else has. */
function exact(_: string, value: unknown): unknown {
  if (typeof value === 'number')
    return Number.isFinite(value) && !Object.is(value, -0) ? value : `\u0000${Object.is(value, -0) ? '-0' : value}`;
  if (!ArrayBuffer.isView(value)) return value;
  return (
    `\u0000${value.constructor.name} ` +
    `${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}`
  );
}

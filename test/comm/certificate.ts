// The certificates and keys of tests: `one` and `other` are good for years, `expired` is out of date.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the file `NAME.cert` or `NAME.key`. */
export const certificatePath = (name: string): string => join(import.meta.dirname, 'certificates', `${name}.pem`);

/** Its text. */
export const certificateText = (name: string): string => readFileSync(certificatePath(name), 'utf8');

/** The settings of a run whose port speaks TLS with it. */
export const certificateSettings = (name: string): { readonly tlsCert: string; readonly tlsKey: string } => ({
  tlsCert: certificatePath(`${name}.cert`),
  tlsKey: certificatePath(`${name}.key`),
});

// TlsFlags: what a command that dials a run believes of its certificate, from the command line.
import type { Command } from 'commander';
import { isFingerprint, readAuthorities, type Trust } from '../../engine/comm/tls.js';
import { UsageError } from '../../engine/core/errors.js';

export interface TlsFlags {
  readonly tlsCa?: string;
  readonly tlsFingerprint?: string;
}

export function addTlsFlags(command: Command): Command {
  return command
    .option('--tls-ca <file>', 'for wss://: certificate (PEM) of the run or of the authority that signed it')
    .option('--tls-fingerprint <sha256>', 'for wss://: fingerprint of the one certificate to believe');
}

/**
 * Throws a UsageError: PT_TLS_FILES for a file that is no certificate, PT_USAGE for a fingerprint that is none, or
 * where flags are given that mean nothing for the address.
 */
export function trustOf({ tlsCa, tlsFingerprint: given }: TlsFlags): Trust {
  // openssl prints `sha256 Fingerprint=C3:...`; a line that is copied whole will do.
  const tlsFingerprint = given?.replace(/^\s*sha-?256 fingerprint\s*=/i, '').trim();
  if (tlsCa !== undefined && tlsFingerprint !== undefined)
    throw new UsageError(
      'PT_USAGE',
      '--tls-ca and --tls-fingerprint are both given',
      'Give one: a pinned fingerprint needs no authority.',
    );
  if (tlsFingerprint !== undefined && !isFingerprint(tlsFingerprint))
    throw new UsageError(
      'PT_USAGE',
      `--tls-fingerprint ${tlsFingerprint} is no SHA-256: it has ` +
        `${tlsFingerprint.replaceAll(':', '').length} characters, 64 hexadecimal digits are expected`,
      '`openssl x509 -noout -fingerprint -sha256 -in CERT` prints it.',
    );
  return {
    ...(tlsCa === undefined ? {} : { ca: readAuthorities(tlsCa) }),
    ...(tlsFingerprint === undefined ? {} : { fingerprint: tlsFingerprint }),
  };
}

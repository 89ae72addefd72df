// Tls: the certificate with which a listener proves who it is, and what a dialler believes. It opens no connection but
// the secured one that it returns; who may join is the token's business, not the certificate's.
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type ConnectionOptions, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { z } from 'zod';
import { readBoundedText } from '../core/bounded-file.js';
import { messageOf, PipetrainError, UsageError } from '../core/errors.js';

/** Certificate chain and private key of a listener, PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** Whether a text can be a fingerprint: 64 hexadecimal digits, with or without colons. */
export const isFingerprint = (text: string): boolean => /^[0-9a-f]{64}$/i.test(text.replaceAll(':', ''));

/** `Trust` as it comes from another process. */
export const trustSchema = z.object({
  ca: z.string().optional(),
  fingerprint: z.string().refine(isFingerprint, 'expected 64 hexadecimal digits').optional(),
});

/** What a dialler of `wss://` believes; where nothing is given, the certificate authorities that Node.js knows. */
export interface Trust {
  /**
   * Certificates, PEM, of authorities (or a self-signed one) to believe instead of the known ones. The name of the host
   * is checked too.
   */
  readonly ca?: string | undefined;
  /**
   * SHA-256 of the one certificate that is right, as `fingerprintOf` writes it; neither its issuer nor its name counts
   * then.
   */
  readonly fingerprint?: string | undefined;
}

/** The list of all authorities that browsers know has 0.2 MB. */
const PEM_LIMIT = { maxBytes: 2 ** 20, remedy: 'Name a file of certificates, or of a private key, in PEM form.' };

/** Both sides are Node.js 20 or newer, so nothing older needs to be spoken. */
const MIN_VERSION = 'TLSv1.3';

/**
 * Reads the two files of a listener and checks that they belong together. Null where neither is given. Throws a
 * UsageError (PT_TLS_FILES) where one is missing, cannot be read, is no PEM, or does not fit the other.
 */
export function readCredentials(certPath: string | undefined, keyPath: string | undefined): Credentials | null {
  if (certPath === undefined && keyPath === undefined) return null;
  if (certPath === undefined || keyPath === undefined)
    throw new UsageError(
      'PT_TLS_FILES',
      `--tls-${certPath === undefined ? 'key' : 'cert'} is given without ` +
        `--tls-${certPath === undefined ? 'cert' : 'key'}`,
      'Give the certificate and its private key, both as PEM files.',
    );
  const credentials = { cert: readPem(certPath), key: readPem(keyPath) };
  secureContextOf(credentials, `${certPath} and ${keyPath}`);
  return credentials;
}

/** Reads certificates to believe. Throws a UsageError (PT_TLS_FILES). */
export function readAuthorities(path: string): string {
  const text = readPem(path);
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw new UsageError(
      'PT_TLS_FILES',
      `${path} holds no certificate in PEM form`,
      'Name the file of the certificate, or of the authority that signed it.',
      { cause },
    );
  }
  return text;
}

function readPem(path: string): string {
  try {
    return readBoundedText(path, PEM_LIMIT);
  } catch (cause) {
    if (cause instanceof PipetrainError) throw cause;
    throw new UsageError(
      'PT_TLS_FILES',
      `${path} cannot be read: ${messageOf(cause)}`,
      'Check the path and the permissions.',
      { cause },
    );
  }
}

/**
 * What a listener secures its connections with. Throws a UsageError (PT_TLS_FILES) where certificate and key do not
 * fit.
 */
export function secureContextOf({ cert, key }: Credentials, names = 'certificate and key'): SecureContext {
  try {
    return createSecureContext({ cert, key, minVersion: MIN_VERSION });
  } catch (cause) {
    throw new UsageError(
      'PT_TLS_FILES',
      `${names} are no certificate and its private key: ${messageOf(cause)}`,
      'Both must be PEM, and the key (without a password) the one of the certificate.',
      { cause },
    );
  }
}

/**
 * SHA-256 of a certificate, as 32 pairs of hexadecimal digits with colons between them: what `openssl x509 -fingerprint
 * -sha256` prints.
 */
export const fingerprintOf = (cert: string): string => new X509Certificate(cert).fingerprint256;

/** Digests, so that the comparison has a fixed length and takes the same time for every wrong one. */
function isSameFingerprint(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text.replaceAll(':', '').toLowerCase()).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * Opens a secured connection and hands it over when the certificate is believed: not a byte of what is to be said over
 * it, least of all the token, goes out before.
 */
export function connectSecurely(
  options: ConnectionOptions,
  trust: Trust,
  done: (error: Error | null, socket?: TLSSocket) => void,
): void {
  const { ca, fingerprint } = trust;
  const { host } = options;
  const socket = connect({
    ...options,
    path: undefined, // that of the request, which would be taken for one of a Unix socket
    servername: host === undefined || isIP(host) !== 0 ? '' : host,
    minVersion: MIN_VERSION,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca }),
    // A pinned certificate is checked below, and needs no issuer.
    rejectUnauthorized: fingerprint === undefined,
  });
  socket.setNoDelay(true);
  socket.once('error', done);
  socket.once('secureConnect', () => {
    socket.off('error', done);
    const found = socket.getPeerX509Certificate()?.fingerprint256 ?? 'none';
    if (fingerprint === undefined || isSameFingerprint(found, fingerprint)) return done(null, socket);
    socket.destroy();
    done(
      new UsageError(
        'PT_TLS_CERT',
        `the other side's certificate has the fingerprint ${found}; ${fingerprint} is expected`,
        'Somebody else may be answering at this address; if the certificate was renewed, use its new fingerprint.',
      ),
    );
  });
}

/**
 * The error for a person where a secured connection to `url` cannot be had because of certificates or because the other
 * side speaks plain text; null for other causes.
 */
export function tlsProblem(url: string, error: Error): PipetrainError | null {
  if (error instanceof PipetrainError) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return new UsageError(
      'PT_TLS',
      `${url} answers in plain text, this side was told to use TLS`,
      'Dial ws://, or start the other side with --tls-cert and --tls-key.',
      { cause: error },
    );
  if (code === 'CERT_HAS_EXPIRED')
    return new UsageError(
      'PT_TLS_CERT',
      `the certificate of ${url} is out of date: ${error.message}`,
      'Start the other side with a new certificate, or pin this one with --tls-fingerprint SHA256: its dates ' +
        'do not count then.',
      { cause: error },
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new UsageError(
      'PT_TLS_CERT',
      `the certificate of ${url} is for another name: ${error.message}`,
      'Dial a name that the certificate has, or pin it with --tls-fingerprint SHA256 instead of --tls-ca: names do ' +
        'not count then (openssl x509 -noout -fingerprint -sha256 -in CERT prints it).',
      { cause: error },
    );
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return new UsageError(
      'PT_TLS_CERT',
      `the certificate of ${url} is not believed: ${error.message}`,
      'Name the certificate or its authority with --tls-ca FILE, or pin it with --tls-fingerprint SHA256 ' +
        '(openssl x509 -noout -fingerprint -sha256 -in CERT prints it).',
      { cause: error },
    );
  return null;
}

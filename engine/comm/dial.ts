// Dial: opens one connection to a listener and introduces this process. A listener that is besieged cuts whoever has
// not said yet who it is, and says nothing: then it comes again, for as long as it has time. Nothing else is tried
// twice.
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import { type PipetrainError, UsageError, WorkerError } from '../core/errors.js';
import { decodeFrame, encodeFrame, MAX_FRAME_BYTES } from './frame.js';
import { HANDSHAKE_TIMEOUT_MS, handshakeHeaders, type Hello, welcomeSchema } from './handshake.js';
import { isOwnSocket } from './local-socket.js';
import { Peer } from './peer.js';
import { connectSecurely, tlsProblem, type Trust } from './tls.js';

export interface DialOptions {
  /** The token of a run, or the pass that the other side knows this one by. */
  readonly token?: string | undefined;
  readonly hello: Hello;
  /** For the whole handshake; default 10 s. */
  readonly timeoutMs?: number | undefined;
  readonly maxFrameBytes?: number | undefined;
  /** Frames that the other side may send within a second; see `Peer`. */
  readonly maxFramesPerSecond?: number | undefined;
  /** For `wss://`: which certificate to believe. */
  readonly trust?: Trust | undefined;
}

/** The pause before the second try; it doubles up to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Masks keep web pages from forging traffic to proxies; a zero mask is valid and saves a pass over every byte. */
const zeroMask = (mask: Buffer): void => void mask.fill(0);

/**
 * Connects to `ws://HOST:PORT` or `wss://HOST:PORT`. Throws a UsageError for a bad address (PT_URL), a wrong token
 * (PT_TOKEN), an unequal version (PT_VERSION), where one side speaks TLS and the other plain text (PT_TLS), or for a
 * certificate that is not believed (PT_TLS_CERT); a WorkerError where nobody answers (PT_DIAL) or the other side
 * refuses (PT_REFUSED).
 */
export function dial(url: string, options: DialOptions): Promise<Peer> {
  // A fragment has no meaning here, and ws throws on it.
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol) || new URL(url).hash !== '')
    return Promise.reject(
      new UsageError(
        'PT_URL',
        `"${url}" is no address of a listener`,
        'Give it as ws://HOST:PORT, or wss://HOST:PORT for TLS.',
      ),
    );
  // ws would believe what Node.js believes; a pinned certificate has to be checked before the request, with the token,
  // goes out.
  const { trust = {} } = options;
  const way = new URL(url).protocol === 'wss:' ? { createConnection: securely(trust) } : {};
  return dialUntilHeard(url, options, () => new WebSocket(url, { ...settingsOf(options), ...way }));
}

/**
 * Connects to a socket of the file system (`localSocketPath`). The path is one that this process made up or was given
 * by its user, never one that came over a network. Throws what `dial` throws; PT_DIAL where it is no socket of this
 * user.
 */
export function dialLocally(path: string, options: DialOptions): Promise<Peer> {
  if (!isOwnSocket(path))
    return Promise.reject(new WorkerError('PT_DIAL', `${path} is no socket of this user`, REACH_HINT));
  const way = { createConnection: () => connect({ path }) };
  return dialUntilHeard(path, options, () => new WebSocket('ws://localhost', { ...settingsOf(options), ...way }));
}

function settingsOf({ token, hello, maxFrameBytes = MAX_FRAME_BYTES }: DialOptions): ClientOptions {
  const settings: ClientOptions & { noDelay: boolean } = {
    headers: handshakeHeaders(token, hello.name),
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    generateMask: zeroMask,
    noDelay: true,
  };
  return settings;
}

/** Comes again where it was cut before it was heard, within the time that the handshake has. */
async function dialUntilHeard(where: string, options: DialOptions, open: () => WebSocket): Promise<Peer> {
  const { hello, timeoutMs = HANDSHAKE_TIMEOUT_MS, maxFrameBytes = MAX_FRAME_BYTES, maxFramesPerSecond } = options;
  const end = performance.now() + timeoutMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const leftMs = Math.max(1, end - performance.now());
    try {
      return await introduce(where, open(), { hello, timeoutMs, leftMs, maxFrameBytes, maxFramesPerSecond });
    } catch (error) {
      if (!(error instanceof CutOff) || performance.now() + pauseMs >= end) throw error;
      await sleep(pauseMs);
    }
  }
}

/** The other side cut the connection and did not say why. */
class CutOff extends WorkerError {
  constructor(where: string, cause?: Error) {
    super('PT_DIAL', `${where} closed the connection before it answered`, REACH_HINT, { cause });
  }
}

/** What the system says of a connection that was cut, or for which there was no room in the queue. */
const CUT_OFF = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'EAGAIN']);

type Introduction = Pick<DialOptions, 'hello' | 'maxFramesPerSecond'> & {
  /** What is told of. */
  readonly timeoutMs: number;
  /** What there is. */
  readonly leftMs: number;
  readonly maxFrameBytes: number;
};

/** Says hello over a socket that is being opened, and waits for the welcome. */
function introduce(url: string, socket: WebSocket, options: Introduction): Promise<Peer> {
  const { hello, timeoutMs, leftMs, maxFrameBytes, maxFramesPerSecond } = options;
  return new Promise((resolve, reject) => {
    const fail = (error: PipetrainError): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined); // terminate() of a half-open socket reports an error nobody needs
      socket.terminate();
      reject(error);
    };
    const timer = setTimeout(
      () => fail(new WorkerError('PT_DIAL', `${url} did not answer within ${timeoutMs} ms`, REACH_HINT)),
      leftMs,
    );
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        tlsProblem(url, error) ??
          (CUT_OFF.has(error.code ?? '')
            ? new CutOff(url, error)
            : new WorkerError('PT_DIAL', `cannot reach ${url}: ${describe(error)}`, REACH_HINT, { cause: error })),
      ),
    );
    socket.on('close', (code, reason) => fail(closedBefore(url, code, reason.toString())));
    socket.on('unexpected-response', (_request, response) => void refusal(url, response).then(fail));
    let localAddress: string | undefined;
    socket.on('upgrade', (response) => (localAddress = response.socket.localAddress));
    socket.on('open', () => socket.send(encodeFrame({ ...hello, type: 'hello' }), { binary: true }));
    socket.once('message', (data: RawData) => {
      let name: string;
      try {
        name = welcomeSchema.parse(decodeFrame(data as Buffer)).name;
      } catch (error) {
        return fail(
          new WorkerError(
            'PT_REFUSED',
            `${url} answered with something else than a welcome`,
            'Check that the address is one of pipetrain.',
            { cause: error },
          ),
        );
      }
      clearTimeout(timer);
      socket.removeAllListeners();
      // Before this turn ends: the next frame may be in the same packet.
      resolve(new Peer(name, socket, { maxFrameBytes, maxFramesPerSecond, localAddress }));
    });
  });
}

/** The code that ws gives a connection that ended without a closing frame (RFC 6455, 7.1.5). */
const ABNORMAL = 1006;
const REACH_HINT = 'Check the address, that the other side runs, and that no firewall lies between.';

/** As the `createConnection` of a request that calls back, which the types of ws do not know. */
function securely(trust: Trust): NonNullable<ClientOptions['createConnection']> {
  return ((options: Parameters<typeof connectSecurely>[0], done: Parameters<typeof connectSecurely>[2]): void =>
    connectSecurely(options, trust, done)) as unknown as NonNullable<ClientOptions['createConnection']>;
}

/** `localhost` may resolve to several addresses; then the message of the error is empty and the causes lie inside. */
const describe = (error: Error): string =>
  error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message;

/** Why a connection was closed before the welcome. */
function closedBefore(url: string, code: number, reason: string): WorkerError {
  // Gone without a word: it died, or the connection was cut. Who refuses says why.
  if (code === ABNORMAL) return new CutOff(url);
  return new WorkerError(
    'PT_REFUSED',
    `${url} refused this process: ${reason || `code ${code}`}`,
    'See the log of the other side.',
  );
}

async function refusal(url: string, response: IncomingMessage): Promise<PipetrainError> {
  let text = '';
  try {
    for await (const part of response) if (text.length < 1000) text += String(part);
  } catch {
    // the status says enough
  }
  switch (response.statusCode) {
    case 401:
      return new UsageError(
        'PT_TOKEN',
        `${url} refused the token`,
        'Give the token that the other side was started with (--token-file, PIPETRAIN_TOKEN).',
      );
    case 426:
      if (/^TLS/.test(response.headers.upgrade ?? ''))
        return new UsageError(
          'PT_TLS',
          `${url} speaks TLS, this side was told to use plain text`,
          'Dial wss:// instead of ws://, and name its certificate with --tls-ca or --tls-fingerprint.',
        );
      return new UsageError('PT_VERSION', `${url}: ${text}`, 'Run the same version of pipetrain on both sides.');
    default:
      return new WorkerError(
        'PT_REFUSED',
        `${url} answered with HTTP ${String(response.statusCode)} ${text}`.trim(),
        'Check that the address is one of pipetrain.',
      );
  }
}

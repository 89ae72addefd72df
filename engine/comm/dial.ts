// Dial: opens one connection to a listener and introduces this process. It tries once; who wants to try again, dials
// again.
import type { IncomingMessage } from 'node:http';
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import { type PipetrainError, UsageError, WorkerError } from '../core/errors.js';
import { decodeFrame, encodeFrame, MAX_FRAME_BYTES } from './frame.js';
import { HANDSHAKE_TIMEOUT_MS, handshakeHeaders, type Hello, welcomeSchema } from './handshake.js';
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

/** Masks keep web pages from forging traffic to proxies; a zero mask is valid and saves a pass over every byte. */
const zeroMask = (mask: Buffer): void => void mask.fill(0);

/**
 * Connects to `ws://HOST:PORT` or `wss://HOST:PORT`. Throws a UsageError for a bad address (PT_URL), a wrong token
 * (PT_TOKEN), an unequal version (PT_VERSION), where one side speaks TLS and the other plain text (PT_TLS), or for a
 * certificate that is not believed (PT_TLS_CERT); a WorkerError where nobody answers (PT_DIAL) or the other side
 * refuses (PT_REFUSED).
 */
export function dial(url: string, options: DialOptions): Promise<Peer> {
  const {
    token,
    hello,
    timeoutMs = HANDSHAKE_TIMEOUT_MS,
    maxFrameBytes = MAX_FRAME_BYTES,
    maxFramesPerSecond,
    trust = {},
  } = options;
  // A fragment has no meaning here, and ws throws on it.
  if (!URL.canParse(url) || !/^wss?:$/.test(new URL(url).protocol) || new URL(url).hash !== '')
    return Promise.reject(
      new UsageError(
        'PT_URL',
        `"${url}" is no address of a listener`,
        'Give it as ws://HOST:PORT, or wss://HOST:PORT for TLS.',
      ),
    );
  const settings: ClientOptions & { noDelay: boolean } = {
    headers: handshakeHeaders(token, hello.name),
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    generateMask: zeroMask,
    noDelay: true,
    // ws would believe what Node.js believes; a pinned certificate has to be checked before the request, with the
    // token, goes out.
    ...(new URL(url).protocol === 'wss:' ? { createConnection: securely(trust) } : {}),
  };
  return introduce(url, new WebSocket(url, settings), { hello, timeoutMs, maxFrameBytes, maxFramesPerSecond });
}

type Introduction = Pick<DialOptions, 'hello' | 'maxFramesPerSecond'> & {
  readonly timeoutMs: number;
  readonly maxFrameBytes: number;
};

/** Says hello over a socket that is being opened, and waits for the welcome. */
function introduce(url: string, socket: WebSocket, options: Introduction): Promise<Peer> {
  const { hello, timeoutMs, maxFrameBytes, maxFramesPerSecond } = options;
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
      timeoutMs,
    );
    socket.on('error', (error) =>
      fail(
        tlsProblem(url, error) ??
          new WorkerError('PT_DIAL', `cannot reach ${url}: ${describe(error)}`, REACH_HINT, { cause: error }),
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
  if (code === ABNORMAL)
    return new WorkerError('PT_DIAL', `${url} closed the connection before it answered`, REACH_HINT);
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
        'Pass the token that the other side was started with (--token).',
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

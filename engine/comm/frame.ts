// Frame: one message on the wire, the MessagePack array [version, checksum, message]. It knows nothing of sockets, nor
// of what messages mean. Nothing that arrives is ever evaluated: the checksum must be that of the message's bytes, and
// the bytes are checked token by token (wire-check.ts) before the decoder may see them.
import { Packr, Unpackr } from 'msgpackr';
import { WorkerError } from '../core/errors.js';
import { crc32 } from './crc32.js';
import { checkWire } from './wire-check.js';

/** Version of the frame format; both sides of a connection must speak the same. */
export const FRAME_VERSION = 2;

/** Hard limit of one frame in bytes unless a connection sets a lower one; larger arrays are cut (remote-write.ts). */
export const MAX_FRAME_BYTES = 64 * 2 ** 20;

/** The bytes before a message: array of three, version, and the checksum as a 32-bit number of fixed width. */
const ARRAY_OF_THREE = 0x93;
const UINT32 = 0xce;
const CHECKSUM_AT = 3;
const MESSAGE_AT = CHECKSUM_AT + 4;
/** Keeps the checksum at its full width while the frame is encoded. */
const PLACEHOLDER = 0xffffffff;

/**
 * What a frame carries: a plain object with a string `type`. Fields may hold null, undefined, booleans, numbers,
 * strings, arrays, plain objects, Float32Array, Int32Array and Uint8Array. Typed arrays arrive bit for bit, aligned, in
 * memory of their own; numbers arrive as sent, except that -0 arrives as 0.
 */
export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What may be handed to `encodeFrame`: as `Message`, but interfaces without an index signature fit too. */
export type Sendable = Message | { readonly type: string };

/** Bytes that are not a frame, or a message that cannot be one (PT_FRAME). */
export class FrameError extends WorkerError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      'PT_FRAME',
      message,
      'Both sides must run the same version of pipetrain, and nothing else may connect to this port.',
      options,
    );
  }
}

// Typed arrays are the only extension in use. No records: their decoder compiles functions from received names.
const packr = new Packr({ useRecords: false, moreTypes: true, structuredClone: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, structuredClone: false, copyBuffers: true });

const reject = (problem: string): FrameError => new FrameError(problem);

/**
 * Encodes a message. Throws a FrameError where it holds something a frame cannot carry, or where it exceeds `maxBytes`.
 */
export function encodeFrame(message: Sendable, maxBytes: number = MAX_FRAME_BYTES): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = packr.pack([FRAME_VERSION, PLACEHOLDER, message]);
  } catch (error) {
    throw new FrameError(`message "${message.type}" cannot be encoded: ${String(error)}`, { cause: error });
  }
  if (bytes.length > maxBytes)
    throw reject(`message "${message.type}" takes ${bytes.length} bytes; the limit of a frame is ${maxBytes}`);
  checkWire(bytes, (problem) => reject(`message "${message.type}" cannot be sent: ${problem}`));
  sealFrame(bytes);
  return bytes;
}

/** Writes the checksum of the message into a frame, in place. */
export function sealFrame(bytes: Uint8Array): void {
  headerOf(bytes).setUint32(CHECKSUM_AT, crc32(bytes.subarray(MESSAGE_AT)));
}

/** Decodes one frame. Throws a FrameError for anything but a message of this version within `maxBytes`. */
export function decodeFrame(bytes: Uint8Array, maxBytes: number = MAX_FRAME_BYTES): Message {
  if (bytes.length > maxBytes) throw reject(`a frame of ${bytes.length} bytes arrived; the limit is ${maxBytes}`);
  // Version 1 had an array of two; whoever still speaks it should learn that, and not that it sends rubbish.
  const isFrame = bytes.length >= 3 && (bytes[0] === ARRAY_OF_THREE || bytes[0] === ARRAY_OF_THREE - 1);
  if (!isFrame) throw reject(`${bytes.length} bytes arrived that are no frame of pipetrain`);
  if (bytes[1] !== FRAME_VERSION)
    throw reject(`a frame of version ${String(bytes[1])} arrived; this side speaks version ${FRAME_VERSION}`);
  if (bytes[0] !== ARRAY_OF_THREE || bytes.length <= MESSAGE_AT || bytes[2] !== UINT32)
    throw reject(`${bytes.length} bytes arrived that are no frame of pipetrain`);
  const [announced, found] = [headerOf(bytes).getUint32(CHECKSUM_AT), crc32(bytes.subarray(MESSAGE_AT))];
  if (announced !== found)
    throw reject(
      `a frame of ${bytes.length} bytes was damaged on its way: its checksum is ${hex(found)}, it announces ` +
        `${hex(announced)}`,
    );
  checkWire(bytes, reject);
  let message: unknown;
  try {
    // A plain view: slices of a Buffer would be Buffers, which share a pool.
    const parts: unknown = unpackr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    message = Array.isArray(parts) ? parts[2] : undefined;
  } catch (error) {
    throw new FrameError(`a frame of ${bytes.length} bytes cannot be decoded: ${String(error)}`, { cause: error });
  }
  if (!isMessage(message)) throw reject(`a frame of ${bytes.length} bytes holds no message with a type`);
  return message;
}

const headerOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, MESSAGE_AT);
const hex = (value: number): string => value.toString(16).padStart(8, '0');

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.hasOwn(value, 'type') && typeof (value as { type?: unknown }).type === 'string';
}

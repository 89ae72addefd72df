// Damaged frames by the thousand, by a seed: none is accepted, and those whose checksum was made to fit are refused or
// plain data. The million, and open ports, are in `npm run fuzz`.
import { expect, it } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  FRAME_VERSION,
  FrameError,
  type Message,
  sealFrame,
} from '../../engine/comm/frame.js';
import { Dice, mutate, MUTATIONS, wholeFrames } from '../../scripts/fuzz/mutations.mjs';

const corpus = [
  { type: 'hello', name: 'w0' },
  {
    type: 'commit',
    generation: 3,
    step: 70_000,
    learningRate: 1e-3,
    gradientScale: 1,
    updateCount: 12,
    goesOn: true,
    snapshot: null,
  },
  {
    type: 'step-ready',
    generation: 1,
    step: 300,
    losses: [{ micro: 0, loss: NaN }],
    squares: [{ block: 1, fromChunk: 0, values: [0.1, 0.2, 1e300] }],
    computeMs: 1.25,
  },
  {
    type: 'prepare',
    plan: {
      generation: 2,
      replicas: [{ start: 0, count: 4, stages: [{ worker: 'w0', from: 0, to: 6 }] }],
      sources: ['w0', null],
    },
    addresses: { w0: 'ws://127.0.0.1:1' },
  },
  { type: 'write', place: 'in 3 1', offset: 600, data: Float32Array.from({ length: 600 }, (_, i) => i) },
  { type: 'bell', key: 'F 12 3 0' },
].map((message) => Uint8Array.from(encodeFrame(message)));
const isWhole = wholeFrames(corpus);

const decoded = (bytes: Uint8Array): Message | null => {
  try {
    return decodeFrame(bytes);
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
};

it('the corpus itself is whole', () => {
  for (const frame of corpus) expect(decoded(frame)).not.toBeNull();
});

it.each([1, 2, 3])('no damaged frame is accepted (seed %i)', (seed) => {
  const dice = new Dice(seed);
  const kinds = new Set<string>();
  const accepted: string[] = [];
  for (let i = 0; i < 10_000; i++) {
    const { kind, bytes } = mutate(dice, corpus);
    kinds.add(kind);
    if (!isWhole(bytes) && decoded(bytes) !== null) accepted.push(`${kind}: ${Buffer.from(bytes).toString('hex')}`);
  }
  expect(accepted).toEqual([]);
  expect(kinds.size).toBe(Object.keys(MUTATIONS).length);
});

it('behind the checksum stands a decoder that gives plain data or refuses', () => {
  const dice = new Dice(4);
  let numDecoded = 0;
  const strange: unknown[] = [];
  for (let i = 0; i < 10_000; i++) {
    const { bytes } = mutate(dice, corpus);
    if (bytes.length < 8) continue;
    bytes.set([0x93, FRAME_VERSION, 0xce]);
    sealFrame(bytes);
    const message = decoded(bytes);
    if (message === null) continue;
    numDecoded++;
    if (Object.getPrototypeOf(message) !== Object.prototype || typeof message.type !== 'string') strange.push(message);
  }
  expect(strange).toEqual([]);
  // Else nothing got past the checksum and the test says nothing.
  expect(numDecoded).toBeGreaterThan(500);
});

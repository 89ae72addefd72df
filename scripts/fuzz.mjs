// A million damaged frames, by a seed, against the decoder and against the open ports of a run that goes on: none may
// be accepted, none may crash or hang anything, memory stays flat, and the run ends with the losses of one that nobody
// attacked. Usage: npm run fuzz -- --frames 1000000 --seed 1 [--sockets 60000] [--workers 8]
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listen } from '#dist/engine/comm/listen.js';
import { trainConfigSchema } from '#dist/engine/core/config.js';
import { RunFolder } from '#dist/engine/run/run-folder.js';
import { runTraining } from '#dist/engine/trainer/run-training.js';
import { fuzzDecoder } from './fuzz/decoder.mjs';
import { FuzzRun, textOf } from './fuzz/fuzz-run.mjs';
import { fuzzWorkers } from './fuzz/orders.mjs';
import { fuzzPorts } from './fuzz/ports.mjs';
import { startRecorder } from './fuzz/recorder.mjs';
import { wholeNumber } from './lab/command-line.mjs';
import { scratchFolder } from './lab/scratch.mjs';
import { conclude } from './lab/verdict.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEventBody} RunEventBody */

const { values: options } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    sockets: { type: 'string', default: '60000' },
    workers: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
  },
});
const numFrames = wholeNumber('frames', options.frames);
const numSockets = Math.min(wholeNumber('sockets', options.sockets), numFrames);
const numWorkers = wholeNumber('workers', options.workers, 0);
const fuzz = new FuzzRun(wholeNumber('seed', options.seed, 0));
/** The run is attacked when it has taken this many steps. */
const RECORDED_STEPS = 250;
const folder = scratchFolder('fuzz');
const recorder = startRecorder();
// Nothing that is sent may reach this.
process.on('uncaughtException', (error) => {
  console.error(`fuzz FAILED: an exception nobody caught: ${textOf(error)}`);
  process.exit(1);
});

/**
 * Trains in this process; resolves to how the run finished.
 * @param {string} name
 * @param {Record<string, unknown>} changes Of the settings.
 * @param {{ onEvent?: (event: RunEventBody) => void, signal?: AbortSignal }} [options]
 */
async function train(name, changes, { onEvent = () => undefined, signal = new AbortController().signal } = {}) {
  const config = trainConfigSchema.parse({
    model: 'vit',
    modelOptions: { layers: 3, width: 32, heads: 2, patch: 8 },
    data: 'synthetic:digits',
    dataOptions: { samples: 200 },
    batch: 16,
    microBatch: 2,
    lr: '1e-3',
    evalEvery: '100 steps',
    freeze: 'manual',
    freezeSchedule: '50:1,120:2',
    freezeMax: 2,
    pipeline: 2,
    devices: 'cpu:2',
    ...changes,
  });
  /** @type {Extract<RunEventBody, { type: 'run.finished' }>[]} */
  const ends = [];
  const emit = (/** @type {RunEventBody} */ event) => {
    if (event.type === 'run.finished') ends.push(event);
    onEvent(event);
  };
  await runTraining(config, { runFolder: RunFolder.create(join(folder, name)), signal, emit });
  const [end] = ends;
  if (end === undefined) throw new Error(`the run "${name}" did not finish`);
  return end;
}

fuzz.say(`recording a run; ${numFrames} frames, seed ${options.seed}`);
// A free port, known before the run begins.
const probe = await listen({ onPeer: () => undefined, token: 'x' });
const { port } = probe;
await probe.close();
const stop = new AbortController();
/** @type {Map<string, number>} */
const events = new Map();
let recorded = () => undefined;
const hasRecorded = new Promise((resolve) => (recorded = () => void resolve(null)));
const attacked = train(
  'attacked',
  { steps: 1_000_000, port },
  {
    signal: stop.signal,
    onEvent(event) {
      events.set(event.type, (events.get(event.type) ?? 0) + 1);
      if (event.type === 'step' && event.step === RECORDED_STEPS) recorded();
    },
  },
);
await Promise.race([hasRecorded, attacked]);
const { corpus, seen, authorization, ports: opened } = recorder.stop();
fuzz.setCorpus(corpus);
const kinds = [...seen].map(([type, n]) => `${type} ${n}`);
fuzz.say(`${corpus.length} frames of ${seen.size + 1} types: ${kinds.join(', ')}`);

const { address = '', secret = '' } = opened[0] ?? {};
const ports = { coordinator: port, worker: Number(new URL(address).port) };
await fuzzDecoder(fuzz, numFrames - numSockets);
const numSent = await fuzzPorts(fuzz, ports, { authorization, secret }, numSockets);
await fuzzWorkers(fuzz, numWorkers);

// The run was not touched.
stop.abort();
const finished = await attacked;
for (const type of ['worker.lost', 'recovered', 'run.failed'])
  if (events.has(type)) fuzz.failures.push(`${events.get(type)} events ${type} in the run that was attacked`);
fuzz.say(
  `the run went on for ${finished.steps} steps; ${events.get('peer.dropped') ?? 0} events of dropped ` +
    'connections. The same without attacks:',
);
const calm = await train('calm', { steps: finished.steps, devices: 'cpu:1', pipeline: 1 });
for (const field of /** @type {const} */ (['lossSha256', 'weightsSha256']))
  if (calm[field] !== finished[field])
    fuzz.failures.push(`${field} is ${finished[field]}, without attacks ${calm[field]}`);
fuzz.say(`losses ${finished.lossSha256.slice(0, 16)}, without attacks ${calm.lossSha256.slice(0, 16)}`);
conclude(
  'fuzz',
  fuzz.failures,
  `${numFrames - numSockets + numSent} damaged frames, 0 accepted, no crash, no hang, memory flat`,
);

// One session of a small run whose process is killed at a chosen operation on the files of its checkpoints. For tests
// of the way back; not a command. Usage: node scripts/checkpoint-crash.mjs RUN_FOLDER train|resume [OPERATION]; prints
// the number of operations at the end, and the hashes.
import { existsSync } from 'node:fs';
import { realFiles } from '#dist/engine/checkpoint/file-layer.js';
import { newestResumePoint } from '#dist/engine/checkpoint/run-checkpoint.js';
import { trainConfigSchema } from '#dist/engine/core/config.js';
import { EventLog } from '#dist/engine/events/event-log.js';
import { RunFolder } from '#dist/engine/run/run-folder.js';
import { runTraining } from '#dist/engine/trainer/run-training.js';

/** @typedef {import('#dist/engine/checkpoint/file-layer.js').FileLayer} FileLayer */
/** @typedef {import('#dist/engine/events/events.js').RunEventBody} RunEventBody */

/**
 * What a session says at its end.
 * @typedef {object} CrashResult
 * @property {number} operations On files of checkpoints.
 * @property {string | undefined} losses
 * @property {string | undefined} weights
 * @property {number | undefined} samples
 * @property {number} from The step that it resumed after.
 */

const [path = '', what, dieAt = 'never'] = process.argv.slice(2);
const config = trainConfigSchema.parse({
  model: 'vit',
  modelOptions: { layers: 2, width: 16, heads: 2, patch: 8 },
  data: 'synthetic:digits',
  dataOptions: { samples: 118 },
  devices: what === 'train' ? 'cpu:1' : 'cpu:2',
  steps: 12,
  batch: 16,
  microBatch: 2,
  evalEvery: 'never',
  freeze: 'manual',
  freezeSchedule: '6:1',
  checkpointEvery: '4 steps',
  keep: 1,
});

let operations = 0;
/**
 * Counts an operation; dies before it, or half-way through a write.
 * @template T
 * @param {() => Promise<T>} whole
 * @param {() => Promise<void>} [half]
 * @returns {Promise<T>}
 */
async function operate(whole, half = () => Promise.resolve()) {
  if (String(operations++) === dieAt) {
    await half();
    process.kill(process.pid, 'SIGKILL');
    // The signal ends the process at once; nothing below runs.
    await new Promise(() => undefined);
  }
  return whole();
}
/** @type {FileLayer} */
const files = {
  ...realFiles,
  makeFolder: (name) => operate(() => realFiles.makeFolder(name)),
  syncFolder: (name) => operate(() => realFiles.syncFolder(name)),
  rename: (from, to) => operate(() => realFiles.rename(from, to)),
  removeFile: (name) => operate(() => realFiles.removeFile(name)),
  removeFolder: (name) => operate(() => realFiles.removeFolder(name)),
  async create(name) {
    const file = await operate(() => realFiles.create(name));
    return {
      write: (bytes) =>
        operate(
          () => file.write(bytes),
          () => file.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => operate(() => file.sync()),
      close: () => file.close(),
    };
  },
};

const run = existsSync(path) ? RunFolder.open(path) : RunFolder.create(path);
const log = new EventLog(run.eventsPath);
/** @type {RunEventBody[]} */
const ends = [];
const emit = (/** @type {RunEventBody} */ event) => {
  log.append(event);
  if (event.type === 'run.finished') ends.push(event);
};
// A run that died before its first checkpoint begins anew.
const point = what === 'resume' ? newestResumePoint(run.checkpointsPath).point : null;
if (point !== null) log.goOnAfter(point.manifest.progress.steps, point.manifest.progress.digest);
const host = { runFolder: run, emit, sync: () => log.sync(), signal: new AbortController().signal, files };
await runTraining(config, host, point);
log.close();
const end = ends.find((event) => event.type === 'run.finished');
/** @type {CrashResult} */
const result = {
  operations,
  losses: end?.lossSha256,
  weights: end?.weightsSha256,
  samples: end?.samplesSeen,
  from: point?.manifest.step ?? 0,
};
console.log(JSON.stringify(result));

// One session of a small run whose process is killed at a chosen operation on the files of its checkpoints. For tests
// of the way back; not a command. Usage: node scripts/checkpoint-crash.mjs RUN_FOLDER train|resume [OPERATION]; prints
// the number of operations at the end, and the hashes.
import { existsSync } from 'node:fs';
import { trainConfigSchema } from '../dist/engine/core/config.js';
import { EventLog } from '../dist/engine/events/event-log.js';
import { realFiles } from '../dist/engine/checkpoint/file-layer.js';
import { newestResumePoint } from '../dist/engine/checkpoint/run-checkpoint.js';
import { RunFolder } from '../dist/engine/run/run-folder.js';
import { runTraining } from '../dist/engine/trainer/run-training.js';

const [path, what, dieAt = 'never'] = process.argv.slice(2);
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
/** Counts an operation; dies before it, or half-way through a write. */
async function operate(half, whole) {
  if (String(operations++) === dieAt) {
    await half();
    process.kill(process.pid, 'SIGKILL');
    // The signal ends the process at once; nothing below runs.
    await new Promise(() => undefined);
  }
  return whole();
}
const nothing = () => Promise.resolve();
const files = {
  ...realFiles,
  makeFolder: (...args) => operate(nothing, () => realFiles.makeFolder(...args)),
  syncFolder: (...args) => operate(nothing, () => realFiles.syncFolder(...args)),
  rename: (...args) => operate(nothing, () => realFiles.rename(...args)),
  removeFile: (...args) => operate(nothing, () => realFiles.removeFile(...args)),
  removeFolder: (...args) => operate(nothing, () => realFiles.removeFolder(...args)),
  async create(name) {
    const file = await operate(nothing, () => realFiles.create(name));
    return {
      write: (bytes) =>
        operate(
          () => file.write(bytes.subarray(0, bytes.length >> 1)),
          () => file.write(bytes),
        ),
      sync: () => operate(nothing, () => file.sync()),
      close: () => file.close(),
    };
  },
};

const run = existsSync(path) ? RunFolder.open(path) : RunFolder.create(path);
const log = new EventLog(run.eventsPath);
let end = null;
const emit = (event) => {
  log.append(event);
  if (event.type === 'run.finished') end = event;
};
// A run that died before its first checkpoint begins anew.
const point = what === 'resume' ? newestResumePoint(run.checkpointsPath).point : null;
await runTraining(config, { runFolder: run, emit, signal: new AbortController().signal, files }, point);
log.close();
console.log(
  JSON.stringify({
    operations,
    losses: end.lossSha256,
    weights: end.weightsSha256,
    samples: end.samplesSeen,
    from: point?.manifest.step ?? 0,
  }),
);

// Quickstart: the configuration of `pipetrain quickstart`: a small language model on text that is on every machine
// after the install (the TypeScript declaration files of the installed packages), shaped so that every mechanism shows
// within two minutes on two cores.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { TrainConfigInput } from '../core/config.js';

export function quickstartConfig(): TrainConfigInput {
  return {
    model: 'gpt',
    modelOptions: { layers: 4, width: 96, heads: 4 },
    data: `text:${declarations()}`,
    dataOptions: { sequence: 64, match: '.d.ts', maxBytes: 220_000, tokenizer: 'bytes' },
    devices: 'cpu:2',
    epochs: 6,
    batch: 32,
    microBatch: 4,
    lr: '2e-3 * (0.05 + 0.95 * 0.5 * (1 + cos(pi * progress)))',
    warmup: 20,
    freeze: 'paper',
    freezeAlpha: 0.3,
    freezeInterval: '2 epochs',
    freezeMax: 2,
    // So short a run from scratch still improves everywhere: the guard would take every freeze back, rightly, and there
    // would be nothing to see.
    guard: 'off',
    pipeline: 2,
    breakdown: true,
    evalEvery: '1 epoch',
  };
}

/** Folder of a package with declaration files that is always installed: it is a dependency of pipetrain. */
function declarations(): string {
  return dirname(createRequire(import.meta.url).resolve('zod/package.json'));
}

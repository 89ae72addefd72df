// What a hit of the activation cache costs next to computing the frozen layers again: six frozen layers of the digit
// ViT, micro-batches of 16 samples, each codec, in memory and on a disk. The variants take turns, so that whatever else
// the machine does meets all. Usage: node bench/cache/run.mjs [--rounds N] [--results FOLDER] [--smoke]; writes
// RESULT.md beside this file, or to --results; --smoke takes tiny sizes.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ActivationCache } from '#dist/cache/activation-cache.js';
import { ActivationStore } from '#dist/cache/activation-store.js';
import { codecOf, CODECS } from '#dist/cache/codec.js';
import { openDataset } from '#dist/engine/data/open-dataset.js';
import { BlockTraces } from '#dist/engine/model/block-traces.js';
import { buildModel, loadModelDefinition } from '#dist/engine/model/load-model.js';
import { initializeSlab, slabLayout } from '#dist/engine/model/slab.js';
import { StageCompiler } from '#dist/engine/model/stage-compiler.js';
import { sharedMemoryFolder } from '#dist/engine/tensor/mapped-file.js';
import { openExecutorOf } from '#dist/engine/tensor/open-executor.js';
import { FrozenPrefix } from '#dist/engine/worker/frozen-prefix.js';
import { wholeNumber } from '../../scripts/lab/command-line.mjs';
import { machineAndNode } from '../../scripts/lab/machine.mjs';
import { scratchFolder } from '../../scripts/lab/scratch.mjs';
import { median } from '../../scripts/lab/statistics.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';

/** @typedef {import('#dist/cache/codec.js').CodecName} CodecName */

const { values: options } = parseArgs({ options: { ...BENCH_OPTIONS, rounds: { type: 'string' } } });
const rounds = wholeNumber('rounds', options.rounds ?? (options.smoke ? '3' : '200'));
const MICRO_BATCH = 16;
const LAYERS = 8;
const FROZEN_LAYERS = 6;
const SAMPLES = options.smoke ? 32 : 512;

const definition = await loadModelDefinition('vit');
const dataset = openDataset('synthetic:digits', { samples: SAMPLES }, definition.dataDefaults);
const model = buildModel(definition, { layers: LAYERS }, dataset.info);
const layouts = model.blocks.map(slabLayout);
const weights = model.blocks.map((block) => {
  const layout = slabLayout(block);
  const slab = new Float32Array(layout.length);
  initializeSlab(block, layout, 1, slab);
  return slab;
});
const frozen = 1 + 2 * FROZEN_LAYERS;
const executor = await openExecutorOf('ort-cpu', { threads: 1 });
const compiler = new StageCompiler(model, dataset.info, new BlockTraces(null, null));
const outputShape = (compiler.outputShapes(MICRO_BATCH)[frozen - 1] ?? []).slice(1);
const recordFloats = outputShape.reduce((a, b) => a * b, 1);
const folders = { memory: scratchFolder('bench', sharedMemoryFolder()), disk: scratchFolder('bench') };

/**
 * @param {ActivationCache | null} cache
 * @param {CodecName} codec
 */
const prefixWith = (cache, codec) =>
  new FrozenPrefix({
    executor,
    compiler,
    dataset,
    parameters: { layouts, of: (block) => weights[block] ?? new Float32Array() },
    frozen,
    microBatch: MICRO_BATCH,
    records: { cache, codec: codecOf(codec), verifies: false },
  });

/**
 * @param {CodecName} codec
 * @param {'memory' | 'disk'} place
 */
function cachedVariant(codec, place) {
  const current = ActivationStore.create(join(folders.memory, `${codec}.${place}`), {
    recordFloats,
    numSamples: SAMPLES,
    capBytes: 2 ** 30,
    depth: frozen,
    digest: codec,
    codec,
    disk: place === 'disk' ? join(folders.disk, codec) : null,
  });
  const onOff = (/** @type {string} */ reason) => {
    throw new Error(reason);
  };
  return {
    name: `hit, ${codec}`,
    place,
    bytes: String(4 * codecOf(codec).words(recordFloats)),
    prefix: prefixWith(new ActivationCache({ current, onOff }), codec),
    times: /** @type {number[]} */ ([]),
  };
}

const computed = {
  name: 'computed again',
  place: '',
  bytes: '',
  prefix: prefixWith(null, 'f32'),
  times: /** @type {number[]} */ ([]),
};
const places = /** @type {const} */ (['memory', 'disk']);
const cached = CODECS.names.flatMap((codec) => places.map((place) => cachedVariant(codec, place)));
const variants = [computed, ...cached];

const out = new Float32Array(MICRO_BATCH * recordFloats);
const batchAt = (/** @type {number} */ n) =>
  Int32Array.from({ length: MICRO_BATCH }, (_, i) => (n * MICRO_BATCH + i * 7) % SAMPLES);
const batches = SAMPLES / MICRO_BATCH;
// Fills the caches, and warms up everything else.
for (const { prefix } of variants)
  for (let n = 0; n < 2 * batches; n++)
    prefix.load(
      Int32Array.from({ length: MICRO_BATCH }, (_, i) => (n % batches) * MICRO_BATCH + i),
      out,
    );
for (let round = 0; round < rounds; round++)
  for (const { prefix, times } of variants) {
    const begin = performance.now();
    prefix.load(batchAt(round), out);
    times.push(performance.now() - begin);
  }
for (const { name, prefix } of cached)
  if (prefix.misses > 2 * SAMPLES) throw new Error(`${name}: ${prefix.misses} misses`);

const computedMs = median(computed.times);
const rows = variants.map(({ name, place, bytes, times }) => {
  const ms = median(times);
  return `| ${name} | ${place} | ${bytes} | ${ms.toFixed(3)} | ${(computedMs / ms).toFixed(1)}x |`;
});
const text = `# A hit of the cache against computing again

${FROZEN_LAYERS} frozen layers of the digit ViT (${LAYERS} layers, output ${outputShape.join(' x ')} per sample),
micro-batches of ${MICRO_BATCH}, ${rounds} rounds, the variants in turn, medians. A hit includes the check of its
checksum and its decoding. The disk's records were in the system's own cache: a disk that has to move costs more, and is
asked a step ahead in training.

| | place | bytes per sample | ms per micro-batch | against computing |
|---|---|---:|---:|---:|
${rows.join('\n')}

${machineAndNode()}; \`npm run bench:cache\`.
`;
console.log(text);
new BenchResults(import.meta.dirname, options).write('RESULT.md', text);
for (const { prefix } of variants) prefix.close();
executor.close();

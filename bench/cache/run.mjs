// What a hit of the activation cache costs next to computing the frozen layers again: six frozen layers of the digit
// ViT, micro-batches of 16 samples, each codec, in memory and on a disk. The variants take turns, so that whatever else
// the machine does meets all. Usage: node bench/cache/run.mjs [--rounds N] [--no-write]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const dist = (path) => import(join(here, '../../dist', path));
const { ActivationCache } = await dist('cache/activation-cache.js');
const { ActivationStore } = await dist('cache/activation-store.js');
const { CODECS, codecOf } = await dist('cache/codec.js');
const { openDataset } = await dist('engine/data/open-dataset.js');
const { FrozenPrefix } = await dist('engine/worker/frozen-prefix.js');
const { BlockTraces } = await dist('engine/model/block-traces.js');
const { buildModel, loadModelDefinition } = await dist('engine/model/load-model.js');
const { initializeSlab, slabLayout } = await dist('engine/model/slab.js');
const { StageCompiler } = await dist('engine/model/stage-compiler.js');
const { openExecutorOf } = await dist('engine/tensor/open-executor.js');
const { sharedMemoryFolder } = await dist('engine/tensor/mapped-file.js');

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, 'no-write': { type: 'boolean', default: false } },
});
const rounds = Number(values.rounds);
const MICRO_BATCH = 16;
const LAYERS = 8;
const FROZEN_LAYERS = 6;
const SAMPLES = 512;

const definition = await loadModelDefinition('vit');
const dataset = openDataset('synthetic:digits', { samples: SAMPLES }, definition.dataDefaults);
const model = buildModel(definition, { layers: LAYERS }, dataset.info);
const layouts = model.blocks.map(slabLayout);
const weights = model.blocks.map((block, b) => {
  const slab = new Float32Array(layouts[b].length);
  initializeSlab(block, layouts[b], 1, slab);
  return slab;
});
const frozen = 1 + 2 * FROZEN_LAYERS;
const executor = await openExecutorOf('ort-cpu', { threads: 1 });
const compiler = new StageCompiler(model, dataset.info, new BlockTraces(null, null));
const shape = compiler.outputShapes(MICRO_BATCH)[frozen - 1];
const recordFloats = shape.slice(1).reduce((a, b) => a * b, 1);
const folders = {
  memory: mkdtempSync(join(sharedMemoryFolder(), 'pipetrain-bench-')),
  disk: mkdtempSync(join(tmpdir(), 'pipetrain-bench-')),
};
const prefixWith = (cache, codec) =>
  new FrozenPrefix({
    executor,
    compiler,
    dataset,
    layouts,
    weights: (b) => weights[b],
    frozen,
    microBatch: MICRO_BATCH,
    cache,
    codec,
    verifies: false,
  });

const variants = [{ name: 'computed again', place: '', bytes: 0, prefix: prefixWith(null, codecOf('f32')), times: [] }];
for (const codec of CODECS.names)
  for (const place of ['memory', 'disk']) {
    const current = ActivationStore.create(join(folders.memory, `${codec}.${place}`), {
      recordFloats,
      numSamples: SAMPLES,
      capBytes: 2 ** 30,
      depth: frozen,
      digest: codec,
      codec,
      disk: place === 'disk' ? join(folders.disk, codec) : null,
    });
    const cache = new ActivationCache({
      current,
      onOff: (reason) => {
        throw new Error(reason);
      },
    });
    variants.push({
      name: `hit, ${codec}`,
      place,
      bytes: 4 * codecOf(codec).words(recordFloats),
      prefix: prefixWith(cache, codecOf(codec)),
      times: [],
    });
  }

const out = new Float32Array(MICRO_BATCH * recordFloats);
const batchAt = (n) => Int32Array.from({ length: MICRO_BATCH }, (_, i) => (n * MICRO_BATCH + i * 7) % SAMPLES);
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
for (const { name, prefix } of variants)
  if (name !== 'computed again' && prefix.misses > 2 * SAMPLES) throw new Error(`${name}: ${prefix.misses} misses`);

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const computed = median(variants[0].times);
const rows = variants.map(({ name, place, bytes, times }) => {
  const ms = median(times);
  return `| ${name} | ${place} | ${bytes === 0 ? '' : bytes} | ${ms.toFixed(3)} | ${(computed / ms).toFixed(1)}x |`;
});
const text = `# A hit of the cache against computing again

${FROZEN_LAYERS} frozen layers of the digit ViT (${LAYERS} layers, output ${shape.slice(1).join(' x ')} per sample), micro-batches of ${MICRO_BATCH}, ${rounds} rounds, the variants in turn, medians.
A hit includes the check of its checksum and its decoding. The disk's records were in the system's own cache: a disk that has to move costs more, and
is asked a step ahead in training.

| | place | bytes per sample | ms per micro-batch | against computing |
|---|---|---:|---:|---:|
${rows.join('\n')}

${cpus()[0]?.model} (${cpus().length} cores), ${type()} ${release()}, Node ${process.version}; \`npm run bench:cache\`.
`;
console.log(text);
if (!values['no-write']) writeFileSync(join(here, 'RESULT.md'), text);
for (const { prefix } of variants) prefix.close();
executor.close();
for (const folder of Object.values(folders)) rmSync(folder, { recursive: true, force: true });

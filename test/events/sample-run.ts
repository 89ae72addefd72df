// A run made up for tests: two workers, two freezes, two transitions, a cache, a breakdown. The numbers are invented
// but fit together.
import type { RunEvent, RunEventBody } from '../../engine/events/events.js';

export const GRID = ['w0 | 0F0 0F1 0F2 0F3 .   0B0 0B1 0B2 0B3', 'w1 | .   1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3'].join('\n');

const LAYERS = 6;
const BLOCKS = [
  'embed',
  ...Array.from({ length: LAYERS }, (_, i) => [`layer${i}.attention`, `layer${i}.mlp`]).flat(),
  'head',
];

const start: RunEventBody = {
  type: 'run.started',
  version: '0.1.0',
  model: 'gpt',
  data: 'text:shakespeare.txt',
  seed: 1,
  blocks: BLOCKS.map((name, i) => ({
    name,
    kind: i === 0 ? 'embedding' : i === BLOCKS.length - 1 ? 'head' : name.endsWith('mlp') ? 'mlp' : 'attention',
    layer: i === 0 || i === BLOCKS.length - 1 ? null : Math.floor((i - 1) / 2),
    parameters: 66_048,
  })),
  numTrain: 6400,
  numValidation: 700,
  stepsPlanned: 300,
  stepsPerEpoch: 100,
  batch: 64,
  microBatch: 8,
  machine: '2 cores, 16 GB',
  metricName: 'accuracy',
  higherIsBetter: true,
};

function plan(generation: number, frozenLayers: number, K: number, R: number): RunEventBody {
  const frozen = frozenLayers === 0 ? 0 : 1 + 2 * frozenLayers;
  const stages =
    K === 2
      ? [
          { worker: 'w0', replica: 0, stage: 0, from: frozen, to: 8 },
          { worker: 'w1', replica: 0, stage: 1, from: 8, to: 14 },
        ]
      : [
          { worker: 'w0', replica: 0, stage: 0, from: frozen, to: 14 },
          { worker: 'w1', replica: 1, stage: 0, from: frozen, to: 14 },
        ];
  return {
    type: 'plan.made',
    generation,
    frozen,
    frozenLayers,
    K,
    R,
    schedule: '1f1b',
    microBatches: 8,
    stages,
    idle: [],
    predictedStepMs: 110 / (generation + 1),
    predictedBubble: K === 2 ? 0.11 : 0,
    usesCache: frozen > 0,
    reason:
      `K = ${K} with ${R} replicas is predicted ${(1.2 + generation * 0.3).toFixed(2)} times as fast as the ` +
      'next best shape',
    grid: GRID,
  };
}

/** The events of the run, every one of a valid form. */
export function sampleRun(): RunEvent[] {
  const events: RunEvent[] = [];
  let time = 0;
  const add = (body: RunEventBody, seconds = 0.001): void => {
    time += seconds;
    events.push({ time: Number(time.toFixed(6)), ...body });
  };
  add(start);
  add({ type: 'worker.joined', worker: 'w0', pid: 11, device: 'cpu:0' }, 0.4);
  add({ type: 'worker.joined', worker: 'w1', pid: 12, device: 'cpu:1' });
  add(
    {
      type: 'costs.measured',
      isCached: false,
      seconds: 1.1,
      blocks: BLOCKS.map((name) => ({
        name,
        forwardMs: 1,
        backwardMs: 2,
        parameterBytes: 264_192,
        savedBytes: 1e6,
        outputBytes: 32_768,
      })),
    },
    1.1,
  );
  add(plan(0, 0, 2, 1), 0.2);
  const phases = [
    { frozenLayers: 0, K: 2, R: 1, seconds: 0.12 },
    { frozenLayers: 2, K: 2, R: 1, seconds: 0.08 },
    { frozenLayers: 4, K: 1, R: 2, seconds: 0.045 },
  ];
  for (const [generation, { frozenLayers, K, R, seconds }] of phases.entries()) {
    const frozen = frozenLayers === 0 ? 0 : 1 + 2 * frozenLayers;
    for (let i = 0; i < 100; i++) {
      const step = generation * 100 + i;
      const wobble = Math.sin(step * 1.7) * 0.08 + Math.sin(step * 0.37) * 0.05;
      const hits = generation > 0 && i >= 20 ? 64 : 0;
      add(
        {
          type: 'step',
          peakMemory: { w0: 120e6 + step, w1: 80e6 },
          step,
          epoch: generation,
          loss: 1.4 + 1.8 * Math.exp(-step / 70) + wobble * Math.exp(-step / 200),
          lr: 1e-3,
          gradNorm: 1,
          samples: 64,
          seconds: seconds * (1 + 0.05 * Math.sin(step)),
          generation,
          frozen,
          K,
          R,
          cacheHits: hits,
          cacheMisses: generation > 0 ? 64 - hits : 0,
          bubbleShare: K === 2 ? 0.13 : 0.01,
          commShare: 0.05,
        },
        seconds,
      );
    }
    const step = (generation + 1) * 100;
    add(
      {
        type: 'evaluation',
        step,
        epoch: generation + 1,
        loss: 1.5 + 1.2 * Math.exp(-step / 90),
        metric: 0.6 - 0.4 * Math.exp(-step / 90),
        metricName: 'accuracy',
        samples: 700,
        seconds: 0.6,
      },
      0.6,
    );
    const next = phases[generation + 1];
    if (next === undefined) continue;
    add({
      type: 'freeze.decided',
      step,
      policy: 'paper',
      fromLayers: frozenLayers,
      toLayers: next.frozenLayers,
      toBlocks: 1 + 2 * next.frozenLayers,
      norms: [0.011, 0.024, 0.08, 0.21, 0.33, 0.41],
      reason:
        `layers below ${next.frozenLayers} changed by 0.6 % < 1 %, and the bound for decision ` +
        `${generation + 1} is ${next.frozenLayers}`,
    });
    add(plan(generation + 1, next.frozenLayers, next.K, next.R), 0.05);
    add(
      {
        type: 'transition',
        step,
        generation: generation + 1,
        from: { K, R },
        to: { K: next.K, R: next.R },
        frozen: 1 + 2 * next.frozenLayers,
        seconds: 0.18,
        movedBytes: 3_100_000,
      },
      0.18,
    );
    add({
      type: 'cache.changed',
      step,
      state: 'on',
      depth: 1 + 2 * next.frozenLayers,
      recordBytes: 32_768,
      capacity: 6400,
      reason: 'reading a record takes 0.02 ms, computing it 0.9 ms',
    });
  }
  add({ type: 'checkpoint.saved', step: 300, path: 'checkpoints/step-300', bytes: 11_000_000, seconds: 0.08 }, 0.08);
  add({
    type: 'breakdown',
    rows: [
      { name: 'fixed pipeline', K: 2, R: 1, stepMs: 120, speedup: 1 },
      { name: 'freezing', K: 2, R: 1, stepMs: 82, speedup: 1.46 },
      { name: 'freezing, elastic', K: 1, R: 2, stepMs: 61, speedup: 1.97 },
      { name: 'freezing, elastic, cache', K: 1, R: 2, stepMs: 45, speedup: 2.67 },
    ],
    note: 'Each row ran 20 steps of this model in this run.',
  });
  add({ type: 'sample', prompt: 'ROMEO:', text: ' What light <through> yonder window & breaks?\nIt is the east.' });
  add(
    {
      type: 'run.finished',
      steps: 300,
      samplesSeen: 19_200,
      finalLoss: 1.43,
      metric: { name: 'accuracy', value: 0.586 },
      wallSeconds: time,
      trainSeconds: 24.5,
      weightsSha256: 'ab'.repeat(32),
      lossSha256: 'cd'.repeat(32),
      isInterrupted: false,
    },
    0.3,
  );
  return events;
}

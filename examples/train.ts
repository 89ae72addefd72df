// Trains from a program: watches the run, stops it when it is good enough, goes on with it, and uses what was trained.
//   npx tsx examples/train.ts
import { loadRun, resume, train, type TrainSettings } from 'pipetrain';

const settings: TrainSettings = {
  model: 'vit',
  modelOptions: { layers: 2, width: 32 },
  data: 'synthetic:digits',
  limitSamples: 256,
  epochs: 4,
  devices: 'cpu:2',
};

const run = await train(settings, {
  callbacks: {
    onEpoch: ({ epoch, loss }) => console.log(`epoch ${epoch}: training loss ${loss.toFixed(4)}`),
    onValidation: ({ metricName, metric, step }, { stop }) => {
      console.log(`step ${step}: ${metricName} ${metric.toFixed(4)}`);
      if (metric > 0.13) stop();
    },
  },
});
console.log(`trains in ${run.folder}`);
for await (const event of run)
  if (event.type === 'plan.made') console.log(`plan ${event.generation}: ${event.K} stages, ${event.R} replicas`);

const { status, steps } = (await run.result).summary;
console.log(`${status} after ${steps} steps`);
const { summary } = await (await resume(run.folder)).result;
console.log(`${summary.status} after ${summary.steps} steps, ${summary.metric?.name} ${summary.metric?.value}`);

const weights = await loadRun(run.folder).weights();
const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
console.log(`${weights.size} tensors, ${parameters} parameters`);

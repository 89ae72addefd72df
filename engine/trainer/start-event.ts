// The first events of a run: what it is made of. Pure.
import { cpus } from 'node:os';
import { allowance, coresText } from '../core/allowance.js';
import { present } from '../core/invariant.js';
import { VERSION } from '../core/version.js';
import { dataDoubts } from '../data/data-doubts.js';
import type { RunEventBody } from '../events/events.js';
import { runDoubts } from '../run/run-doubts.js';
import type { RunGrowth } from '../run/run-growth.js';
import type { RunSetup } from '../run/run-setup.js';

/** What was understood from the data, and what is doubtful about it and about settings beside it. */
export function dataEvents(setup: RunSetup): RunEventBody[] {
  const { summary } = setup.dataset;
  const known: RunEventBody[] = summary === undefined ? [] : [{ type: 'data.read', ...summary }];
  const doubts = [
    ...(summary === undefined ? [] : dataDoubts(summary)),
    ...(setup.model.doubts ?? []),
    ...runDoubts(setup),
  ];
  return [...known, ...doubts.map((message): RunEventBody => ({ type: 'warning', message }))];
}

export function startEvent({
  config,
  model,
  modelSource,
  layouts,
  trained,
  dataset,
  sampler,
  totalSteps,
  microBatch,
  growth,
}: RunSetup): Extract<RunEventBody, { type: 'run.started' }> {
  return {
    type: 'run.started',
    version: VERSION,
    model: model.name,
    data: dataset.source,
    seed: config.seed,
    precision: config.precision,
    blocks: model.blocks.map(({ name, kind, layer }, index) => ({
      name,
      kind,
      layer,
      parameters: present(layouts[index], 'layout').numParameters,
    })),
    ...(trained.pretrainedLayers === 0 ? {} : { pretrainedLayers: trained.pretrainedLayers }),
    ...(model.notes === undefined ? {} : { modelNotes: [...model.notes] }),
    ...(growth === null ? {} : { growth: growthOf(growth) }),
    numTrain: dataset.numTrain,
    ...(dataset.numViews === undefined ? {} : { numViews: dataset.numViews }),
    numValidation: dataset.numValidation,
    ...(dataset.info.task === 'language-model'
      ? { tokensPerSample: present(dataset.info.sequence, 'sequence length') }
      : {}),
    stepsPlanned: totalSteps,
    stepsPerEpoch: sampler.stepsPerEpoch,
    batch: config.batch,
    microBatch,
    modelSha256: modelSource.sha256,
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${coresText(allowance())}`,
    metricName: model.metric.name,
    higherIsBetter: model.metric.higherIsBetter,
    ...(config.targetMetric === undefined ? {} : { targetMetric: config.targetMetric }),
  };
}

const growthOf = ({ sizes, interval, way }: RunGrowth): { sizes: number[]; interval: number; way: string } => ({
  sizes: sizes.map(({ layers }) => layers),
  interval,
  way: way.name,
});

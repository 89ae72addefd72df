// Text of `pipetrain plan`: measured costs, then every plan with its stages, grid and the alternatives that lost. Pure
// text.
import { isTrusted } from '../../engine/costs/cost-trust.js';
import type { PlanPreview, PreviewedPlan } from '../../engine/trainer/plan-preview.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { dataLine } from './data-text.js';
import { bytes, clip, count, duration, millis, percent, plural, range, wrap } from './format.js';
import { microBatchLines } from './micro-batch-text.js';
import { textColumns } from './text-columns.js';
import { distrustText } from './trust-text.js';

/** Alternatives per plan; the JSON has all. */
const MOST_REJECTED = 8;

export function planLines(preview: PlanPreview, columns: number): string[] {
  const { model, workers, device, batch, microBatch, numMicroBatches, totalSteps, numLayers, plans } = preview;
  return [
    ...wrap(
      `${model} on ${plural(workers, 'worker')} (${device}): ${plural(totalSteps, 'step')} of ` +
        `${plural(batch, 'sample')}, in micro-batches of ${microBatch} (${numMicroBatches} a step)`,
      columns,
      2,
    ),
    ...(preview.data === undefined ? [] : wrap(`  data ${dataLine(preview.data)}`, columns, 4)),
    ...(preview.microBatchChoice === null
      ? []
      : microBatchLines(preview.microBatchChoice).flatMap((line) => wrap(`  ${line}`, columns, 4))),
    '',
    `costs of a micro-batch, measured on ${workers === 1 ? 'one worker' : `${workers} workers at once`} in ` +
      `${duration(preview.measureSeconds)}`,
    ...(isTrusted(preview.trust) ? [] : wrap(`  ${distrustText(preview.trust)}`, columns, 2)),
    ...costRows(preview, columns),
    ...(preview.handover === null
      ? []
      : wrap(
          `  a hand-over to another worker: ${millis(preview.handover.handoverMs)}, and ` +
            `${millis(preview.handover.handlingMs)} between two actions of one`,
          columns,
          2,
        )),
    ...plans.flatMap((plan) => ['', ...planSection(plan, preview, columns)]),
    '',
    ...(plans.every(({ frozenLayers }) => frozenLayers === 0)
      ? wrap('Nothing freezes: add --freeze paper to see what the run would become.', columns, 0)
      : wrap(
          `Frozen depths are examples, taken as reached at equal distances over the run; ${numLayers} layers in all.`,
          columns,
          0,
        )),
  ];
}

/** Blocks that cost the same (measured once) in one row. */
function costRows({ costs }: PlanPreview, columns: number): string[] {
  const groups = new Map<string, { readonly first: number; readonly cost: BlockCost; size: number }>();
  for (const [index, cost] of costs.entries()) {
    const key = JSON.stringify({ ...cost, name: '' });
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { first: index, cost, size: 1 });
    else group.size++;
  }
  const rows = [...groups.values()].map(({ first, cost, size }) => [
    size === 1 ? `${first} ${cost.name}` : `${first} ${cost.name} and ${plural(size - 1, 'other')} like it`,
    millis(cost.forwardMs),
    millis(cost.backwardMs),
    bytes(cost.parameterBytes),
    bytes(cost.savedBytes),
    bytes(cost.outputBytes),
  ]);
  return textColumns([['block', 'forward', 'backward', 'parameters', 'kept', 'output'], ...rows], columns - 2).map(
    (line) => `  ${line}`,
  );
}

/** Which part of the model there is, or trains. */
function partText({ layers, frozenLayers, usesCache }: PreviewedPlan, numLayers: number): string {
  if (layers < numLayers) return `${layers} of ${plural(numLayers, 'layer')}`;
  if (frozenLayers === 0) return 'nothing frozen';
  return `${frozenLayers} of ${plural(numLayers, 'layer')} frozen, cache ${usesCache ? 'on' : 'off'}`;
}

function planSection(plan: PreviewedPlan, { costs, numLayers, memoryLimit }: PlanPreview, columns: number): string[] {
  const {
    K,
    R,
    cuts,
    schedule,
    microBatches,
    predictedStepMs,
    predictedBubble,
    memoryPerWorker,
    recompute,
    reason,
    rejected,
    frozenLayers,
    cacheReason,
    grid,
  } = plan;
  const stages = cuts.map((from, stage) => [
    `${stage}`,
    range(from, cuts[stage + 1] ?? costs.length),
    (stage < K ? bytes(memoryPerWorker[stage] ?? 0) : 'as above') +
      (recompute[stage] === true ? ', recomputes its forward' : ''),
  ]);
  const lost = rejected
    .slice(0, MOST_REJECTED)
    .map(({ K: k, R: r, predictedStepMs: ms, why }) => [`${k} x ${r}`, ms === null ? '-' : millis(ms), why]);
  return [
    `${partText(plan, numLayers)}: ${plural(K, 'stage')} x ${plural(R, 'replica')}, ${schedule}`,
    ...wrap(
      `  ${millis(predictedStepMs)} a step predicted, bubble ${percent(predictedBubble)}, ` +
        `${count(microBatches)} micro-batch${microBatches === 1 ? '' : 'es'} per replica`,
      columns,
      2,
    ),
    ...wrap(`  ${reason}`, columns, 2),
    ...(frozenLayers === 0 ? [] : wrap(`  cache: ${cacheReason}`, columns, 2)),
    ...textColumns(
      [
        ['stage', 'blocks', `memory${cuts.length > K ? ' of its worker' : ''} (at most ${bytes(memoryLimit)})`],
        ...stages,
      ],
      columns - 2,
    ).map((line) => `  ${line}`),
    ...grid.split('\n').map((line) => clip(`  ${line}`, columns)),
    ...(lost.length === 0
      ? []
      : [
          '  lost against it:',
          ...textColumns([['K x R', 'step', 'why'], ...lost], columns - 4).map((line) => `    ${line}`),
        ]),
    ...(rejected.length > MOST_REJECTED ? [`    and ${plural(rejected.length - MOST_REJECTED, 'other')}`] : []),
  ];
}

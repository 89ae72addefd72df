// PlanFit: whether a plan that arrives is one of the model and the batch that are loaded here. A worker asks before it
// makes anything of a plan. It does not say whether the plan is a good one. Pure.
import { WorkerError } from '../core/errors.js';
import { isPrefixFixed, type Plan } from '../core/plan.js';

/** What a plan is about. */
export interface PlanSubject {
  readonly numBlocks: number;
  /** Samples per step. */
  readonly batch: number;
  /** Elements of the parameters of every block. */
  readonly lengths: readonly number[];
  /** As Plan. */
  readonly shared?: Plan['shared'];
}

/** Throws a WorkerError (PT_PROTOCOL) that names what does not fit. */
export function requirePlanFits(plan: Plan, subject: PlanSubject): void {
  const problem =
    blocksProblem(plan, subject.numBlocks) ??
    sharingProblem(plan, subject) ??
    growthProblem(plan, subject) ??
    batchProblem(plan, subject.batch) ??
    workersProblem(plan);
  if (problem === null) return;
  throw new WorkerError(
    'PT_PROTOCOL',
    `the plan of generation ${plan.generation} does not fit the run: ${problem}`,
    'All workers must run the same version of pipetrain.',
  );
}

function blocksProblem(plan: Plan, numBlocks: number): string | null {
  const { frozen, frozenBefore, sources, previousCacheDepth, replicas } = plan;
  if (frozen >= numBlocks) return `${frozen} blocks are frozen, the model has ${numBlocks}`;
  if (frozenBefore >= numBlocks) return `${frozenBefore} blocks were frozen, the model has ${numBlocks}`;
  if (sources.length !== numBlocks) return `it says where ${sources.length} blocks come from, there are ${numBlocks}`;
  if ((previousCacheDepth ?? 0) > frozen)
    return `a cache of depth ${previousCacheDepth} is above ${frozen} frozen blocks`;
  for (const [replica, { stages }] of replicas.entries()) {
    let at = frozen;
    for (const { from, to } of stages) {
      if (from !== at || to <= from)
        return `a stage of replica ${replica} has blocks [${from}, ${to}) after block ${at}`;
      at = to;
    }
    if (at !== numBlocks) return `the stages of replica ${replica} end at block ${at}, the model has ${numBlocks}`;
  }
  return null;
}

/** What is wrong with parameters that several blocks use: who has optimizer states follows from them. */
function sharingProblem({ shared = [], frozen, usesCache, growth }: Plan, subject: PlanSubject): string | null {
  const listed = (groups: readonly (readonly number[])[]): string =>
    groups.length === 0 ? 'none' : groups.map((blocks) => blocks.join(' and ')).join(', ');
  const [there, here] = [listed(shared), listed(subject.shared ?? [])];
  if (there !== here) return `the blocks that share parameters are ${there}, in the model ${here}`;
  const absent = shared.flat().find((block) => growth?.absent.includes(block));
  if (absent !== undefined) return `block ${absent}, which shares a parameter, is not there yet`;
  return usesCache && !isPrefixFixed({ shared }, frozen)
    ? `it caches ${frozen} frozen blocks, of which a parameter still changes`
    : null;
}

/** What is wrong with a model that is not whole, or becomes more. */
function growthProblem(plan: Plan, { numBlocks, lengths }: PlanSubject): string | null {
  const { growth, frozen, replicas, restore } = plan;
  if (growth === undefined) return null;
  const { absent, born } = growth;
  if (absent.some((block, i) => block >= numBlocks || block <= (absent[i - 1] ?? -1)))
    return `the absent blocks ${absent.join(', ')} are no blocks of ${numBlocks} in order`;
  if (frozen > 0 && absent.length > 0) return `${frozen} blocks are frozen and ${absent.length} are not there yet`;
  const headless = replicas.flatMap(({ stages }) => stages).find(({ from }) => absent.includes(from));
  if (headless !== undefined) return `a stage starts with block ${headless.from}, which is not there`;
  if (restore !== null && born.length > 0) return `${born.length} blocks are born and state is restored`;
  const strange = born.find(
    ({ block, like }) => block >= numBlocks || lengths[block] !== lengths[like] || absent.includes(block),
  );
  return strange === undefined ? null : `block ${strange.block} cannot start like block ${strange.like}`;
}

function batchProblem({ microBatch, numMicroBatches, replicas }: Plan, batch: number): string | null {
  if (microBatch * numMicroBatches !== batch)
    return `${numMicroBatches} micro-batches of ${microBatch} samples are no batch of ${batch}`;
  let at = 0;
  for (const [replica, { start, count }] of replicas.entries()) {
    if (start !== at) return `replica ${replica} starts at micro-batch ${start}, the one before ends at ${at}`;
    at = start + count;
  }
  return at === numMicroBatches ? null : `the replicas end at micro-batch ${at} of ${numMicroBatches}`;
}

function workersProblem({ replicas }: Plan): string | null {
  const seats = new Map<string, number>();
  for (const [replica, { stages }] of replicas.entries())
    for (const { worker } of stages)
      if ((seats.get(worker) ?? replica) !== replica) return `worker ${worker} is in two replicas`;
      else seats.set(worker, replica);
  return null;
}

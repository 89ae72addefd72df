// Crew: two workers in the process of a test, and the orders that a coordinator would give them: both halves of a
// transition, steps, commits. Their model is tiny and their tensors lie in a shared folder of their own, unless they
// are said to be on hosts of their own.
import type { Plan } from '../../engine/core/plan.js';
import type { Dataset } from '../../engine/data/dataset.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { MemoryFolder } from '../../engine/memory/memory-folder.js';
import type { Model } from '../../engine/model/block.js';
import type { ModelDefinition } from '../../engine/model/define.js';
import { buildModel } from '../../engine/model/load-model.js';
import { builtInModel } from '../../engine/model/registry.js';
import { colleaguesFor, type Introduction } from '../../engine/protocol/colleagues.js';
import type { ReportOf } from '../../engine/protocol/messages.js';
import { assembleStep } from '../../engine/protocol/step-result.js';
import type { Executor } from '../../engine/tensor/executor.js';
import type { Lanes } from '../../engine/tensor/jit/cpu-features.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type { OptimizerSpec } from '../../engine/tensor/optimizer.js';
import { NO_CACHE } from '../../engine/worker/cache-settings.js';
import { assembleEquipment } from '../../engine/worker/equipment.js';
import { Workplace } from '../../engine/worker/workplace.js';

/** What a crew trains. */
export interface CrewSubject {
  readonly dataset: Dataset;
  readonly model: Model;
  /** Width of machine code for sums and updates; default: none. */
  readonly lanes?: Lanes | null;
  /** What each of them computes with; default: ONNX Runtime. */
  readonly open?: () => Executor;
}

/** A built-in model on data of a kind that makes them up. */
export function subjectOf(name: string, options: object, kind: string, dataOptions: object): CrewSubject {
  const dataset = openDataset(`synthetic:${kind}`, { ...dataOptions });
  return { dataset, model: buildModel(builtInModel(name) as ModelDefinition, { ...options }, dataset.info) };
}

const PICTURES = subjectOf('vit', { layers: 2, width: 8, heads: 2, patch: 4 }, 'digits', { samples: 40, size: 8 });
export const MICRO_BATCH = 2;
export const NUM_MICRO_BATCHES = 4;
export const CREW_OPTIMIZER: OptimizerSpec = { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 };
/** Of every update. */
export const CREW_SETTINGS = { learningRate: 0.1, gradientScale: 1 } as const;

/** The stages of every replica: a worker, and the first of its blocks. */
export type Shape = readonly (readonly (readonly [worker: string, from: number])[])[];
export const ALONE: Shape = [[['w0', 0]]];
// prettier-ignore
export const PIPELINE: Shape = [[['w0', 0], ['w1', 2]]];
export const REPLICAS: Shape = [[['w0', 0]], [['w1', 0]]];

/** A plan of that shape in which all blocks train and start from their initial values, unless `more` says otherwise. */
export function planOf(
  generation: number,
  shape: Shape,
  more: Partial<Plan> = {},
  { model }: CrewSubject = PICTURES,
): Plan {
  const count = NUM_MICRO_BATCHES / shape.length;
  return {
    generation,
    frozen: 0,
    microBatch: MICRO_BATCH,
    numMicroBatches: NUM_MICRO_BATCHES,
    schedule: '1f1b',
    replicas: shape.map((stages, r) => ({
      start: r * count,
      count,
      stages: stages.map(([worker, from], s) => ({ worker, from, to: stages[s + 1]?.[1] ?? model.blocks.length })),
    })),
    usesCache: false,
    previousCacheDepth: null,
    frozenBefore: 0,
    sources: model.blocks.map(() => null),
    restore: null,
    reason: 'a test',
    ...more,
  };
}

/** The worker of the first replica that holds each block. */
export const holders = ({ replicas, sources }: Plan): string[] =>
  sources.map((_, block) => replicas[0]?.stages.find(({ from, to }) => from <= block && block < to)?.worker ?? '');

export class Crew {
  readonly #memory: MemoryFolder;
  readonly #workplaces: ReadonlyMap<string, Workplace>;
  readonly #introductions: ReadonlyMap<string, Introduction>;

  private constructor(
    memory: MemoryFolder,
    workplaces: ReadonlyMap<string, Workplace>,
    introductions: ReadonlyMap<string, Introduction>,
  ) {
    this.#memory = memory;
    this.#workplaces = workplaces;
    this.#introductions = introductions;
  }

  static async open(subject: CrewSubject = PICTURES, isApart = false): Promise<Crew> {
    const memory = new MemoryFolder();
    const workplaces = new Map(
      ['w0', 'w1'].map((worker) => [worker, openWorkplace(worker, memory.path, subject)] as const),
    );
    const introductions = new Map<string, Introduction>();
    for (const [worker, { neighbours }] of workplaces)
      introductions.set(worker, { ...(await neighbours.open()), domain: isApart ? worker : 'here' });
    return new Crew(memory, workplaces, introductions);
  }

  at(worker: string): Workplace {
    return this.#workplaces.get(worker) as Workplace;
  }

  /** First half of a transition, of one worker. */
  prepare(worker: string, plan: Plan): ReturnType<Workplace['prepare']> {
    return this.at(worker).prepare({ plan, keeper: 0, colleagues: colleaguesFor(worker, this.#introductions) });
  }

  /** Both halves, of all; those that the plan leaves out take part too. */
  async adopt(plan: Plan): Promise<void> {
    const workers = [...this.#workplaces.keys()];
    await Promise.all(workers.map((worker) => this.prepare(worker, plan)));
    await Promise.all(workers.map((worker) => this.at(worker).activate(plan.generation)));
  }

  /** Runs steps [from, to) of the plan in force, and pauses after the last unless told to go on. Returns losses. */
  async train({ generation, sources }: Plan, from: number, to: number, goesOn = false): Promise<number[]> {
    const losses: number[] = [];
    const rest = {
      type: 'commit',
      generation,
      ...CREW_SETTINGS,
      snapshot: null,
    } as const;
    for (let step = from; step < to; step++) {
      const reports = new Map<string, ReportOf<'step-ready'>>();
      const seats = [...this.#workplaces].flatMap(([worker, one]) => {
        const { seating } = one.at(generation);
        return seating === null ? [] : [{ worker, one, seating, ids: one.equipment.subject.sampler.batchAt(step).ids }];
      });
      await Promise.all(
        seats.map(async ({ worker, seating, ids }) => {
          const report = await seating.runStep(step, ids);
          if (report.type === 'step-ready') reports.set(worker, report);
        }),
      );
      losses.push(assembleStep(reports, sources.length, NUM_MICRO_BATCHES).loss);
      await Promise.all(
        seats.map(({ one }) => one.apply({ ...rest, step, updateCount: step + 1, goesOn: goesOn || step + 1 < to })),
      );
    }
    return losses;
  }

  /** The parameters of every block, as the first replica of the plan in force has them. */
  weights(plan: Plan): number[][] {
    return holders(plan).map((worker, block) => [...this.at(worker).equipment.place.store.weights(block)]);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workplaces.values()].map((one) => one.close()));
    this.#memory.close();
  }
}

const openCpu = (): Executor => openExecutor({ threads: 1 });

function openWorkplace(
  worker: string,
  folder: string,
  { model, dataset, lanes = null, open = openCpu }: CrewSubject,
): Workplace {
  return new Workplace({
    equipment: assembleEquipment({
      worker,
      memory: { folder, domain: 'here', isHome: true },
      subject: { model, dataset, batch: MICRO_BATCH * NUM_MICRO_BATCHES, seed: 1 },
      device: { executor: open(), lanes, poolBytes: 2 ** 20 },
      optimizer: CREW_OPTIMIZER,
      kept: { results: null, identity: null },
      cache: NO_CACHE,
    }),
    port: {
      host: '127.0.0.1',
      port: 0,
      url: 'ws://127.0.0.1',
      home: null,
      onDropped: () => undefined,
    },
    onCacheOff: () => undefined,
  });
}

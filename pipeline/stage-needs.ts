// StageNeeds: what the stages of a schedule hold, and which of them recompute, for any run of blocks they may be given.
// It cuts nothing; whoever looks for a partition asks it.
import { present } from '../engine/core/invariant.js';
import type { MemoryRule, ModelCosts } from './choice.js';
import { stageMemory } from './costs.js';
import { type Cuts, runsOf } from './partition.js';
import { recomputeMs, recomputes } from './recompute.js';
import { actionsOf, type Schedule, splitsBackward, workersByStage } from './schedule.js';
import type { StageBytes } from './schedule-memory.js';
import { peakLive } from './simulate.js';

export interface StageNeeds {
  /** Whether stage `stage` with the blocks [from, to) recomputes their forward. */
  isRecomputed(this: void, stage: number, from: number, to: number): boolean;
  /** Milliseconds per micro-batch that recomputing them takes; 0 where the stage does not. */
  repeatMsOf(this: void, stage: number, from: number, to: number): number;
  /** Most bytes that stage `stage` holds with the blocks [from, to). */
  memoryOf(this: void, stage: number, from: number, to: number): number;
  /** Per worker, all its stages together. */
  memoryPerWorker(cuts: Cuts): number[];
  /** Per stage, what it holds all the time and for each micro-batch. */
  bytesOf(cuts: Cuts): StageBytes[];
}

/** Several stages of a worker share its memory evenly; what they really need together is for the caller to check. */
export const memoryShare = (limit: number | null, { stages, workers }: Schedule): number | null =>
  limit === null ? null : limit / (stages / workers.length);

export function stageNeeds(
  schedule: Schedule,
  { costs, frozen }: ModelCosts,
  { recompute: mode = 'off', recomputeLimit = null }: MemoryRule,
): StageNeeds {
  const workerOf = workersByStage(schedule);
  const actions = Array.from({ length: schedule.stages }, (_, stage) => actionsOf(schedule, stage));
  const live = actions.map(peakLive);
  // Per stage, without and with recomputation: made once, because a partition asks for every run of blocks.
  const plain = actions.map((list, stage) => ({
    frozen: stage === 0 ? frozen : 0,
    splitsBackward: splitsBackward(list),
  }));
  const recomputing = plain.map((keeping) => ({ ...keeping, isRecomputed: true }));
  const limit = memoryShare(recomputeLimit, schedule);
  const liveOf = (stage: number): number => present(live[stage], 'live micro-batches');

  const isRecomputed = (stage: number, from: number, to: number): boolean => {
    const plainBytes = stageMemory(costs, from, to, liveOf(stage), plain[stage]);
    return recomputes({ mode, stage, live: liveOf(stage), plainBytes, limit });
  };
  const bytesWith = (stage: number, from: number, to: number, count: number): number =>
    stageMemory(costs, from, to, count, (isRecomputed(stage, from, to) ? recomputing : plain)[stage]);
  const memoryOf = (stage: number, from: number, to: number): number => bytesWith(stage, from, to, liveOf(stage));

  return {
    isRecomputed,
    repeatMsOf: (stage, from, to) => (isRecomputed(stage, from, to) ? recomputeMs(costs, from, to) : 0),
    memoryOf,
    memoryPerWorker(cuts) {
      const perWorker = schedule.workers.map(() => 0);
      for (const [stage, { from, to }] of runsOf(cuts, costs.length).entries()) {
        const worker = present(workerOf[stage], 'worker');
        perWorker[worker] = present(perWorker[worker], 'memory') + memoryOf(stage, from, to);
      }
      return perWorker;
    },
    bytesOf: (cuts) =>
      runsOf(cuts, costs.length).map(({ from, to }, stage) => {
        const state = bytesWith(stage, from, to, 0);
        return { state, perMicro: bytesWith(stage, from, to, 1) - state };
      }),
  };
}

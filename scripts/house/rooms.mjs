// The rooms of the house: every folder of sources, its tier, and what it holds. An import between rooms runs from a
// higher tier to a lower one, types included; rooms of one tier do not know each other. The architecture test holds it,
// and the picture in docs/ is drawn from it.

/**
 * @typedef {object} Room
 * @property {string} folder
 * @property {number} tier
 * @property {string} holds What a newcomer finds in it, one clause.
 */

/** @type {readonly Room[]} */
export const ROOMS = [
  { folder: 'engine/core', tier: 0, holds: 'the vocabulary: settings, plans, errors, random numbers' },
  { folder: 'engine/tensor', tier: 1, holds: 'ops, traces, programs, executors, kernels, optimizers' },
  { folder: 'engine/data', tier: 2, holds: 'data kinds, tokenizers, samplers, micro-batches' },
  { folder: 'engine/comm', tier: 2, holds: 'frames, sockets, TLS, the order of sums' },
  { folder: 'engine/model', tier: 3, holds: 'blocks, models, their compilation to stage programs' },
  { folder: 'engine/events', tier: 3, holds: 'what happened in a run, and what follows from it' },
  { folder: 'engine/metrics', tier: 4, holds: 'metrics: folds over what is told of each validation sample' },
  { folder: 'engine/growth', tier: 4, holds: 'AutoGrow: ways to grow, schedules, policies' },
  { folder: 'pipeline', tier: 4, holds: 'AutoPipe: partitions, schedules, plans, the stage runner' },
  { folder: 'freeze', tier: 4, holds: 'AutoFreeze: signals and policies' },
  { folder: 'cache', tier: 4, holds: 'AutoCache: keys, codecs, tiers, admission' },
  { folder: 'engine/dp', tier: 4, holds: 'AutoDP: the state of blocks and the exchange of gradients' },
  { folder: 'engine/run', tier: 5, holds: 'what a run is made of, before anything is started' },
  { folder: 'engine/protocol', tier: 5, holds: 'what coordinator and workers tell each other' },
  { folder: 'engine/memory', tier: 6, holds: 'shared memory, caches of old plans, memory of processes' },
  { folder: 'engine/costs', tier: 6, holds: 'what blocks, hand-overs and disks cost here' },
  { folder: 'engine/freezing', tier: 6, holds: 'the freezer, its guard, replays' },
  { folder: 'engine/trace', tier: 6, holds: 'what every worker did when, and traces for viewers' },
  { folder: 'engine/growing', tier: 6, holds: 'the grower, its replays' },
  { folder: 'engine/ablation', tier: 6, holds: 'what each part brings' },
  { folder: 'engine/simulate', tier: 6, holds: 'whole runs on other hardware' },
  { folder: 'engine/checkpoint', tier: 7, holds: 'checkpoints, weights in files' },
  { folder: 'engine/planning', tier: 7, holds: 'from what is frozen and who is there to the next plan' },
  { folder: 'engine/state', tier: 8, holds: 'the state of blocks in motion' },
  { folder: 'engine/status', tier: 8, holds: 'how a run stands, for those who ask' },
  { folder: 'engine/inference', tier: 8, holds: 'a trained model on one device' },
  { folder: 'engine/worker', tier: 9, holds: 'a process that owns a device and obeys one plan' },
  { folder: 'engine/coordinator', tier: 9, holds: 'who takes part, orders and reports, failures' },
  { folder: 'engine/trainer', tier: 10, holds: 'the loop of a run' },
  { folder: 'engine/verify', tier: 11, holds: 'a model in every shape, a run folder' },
  { folder: 'engine/session', tier: 11, holds: 'a run as a value, from settings to what it came to' },
  { folder: 'engine/library', tier: 12, holds: 'runs for programs: started, watched, used' },
  { folder: 'engine', tier: 13, holds: 'the public face of the package' },
  { folder: 'cli/text', tier: 12, holds: 'texts of plans, decisions, results' },
  { folder: 'cli/config', tier: 12, holds: 'settings from files, environment and flags' },
  { folder: 'cli/console', tier: 13, holds: 'outputs, the status line, signals' },
  { folder: 'cli/report', tier: 13, holds: 'report.html and its charts' },
  { folder: 'cli/machine', tier: 13, holds: 'what this machine has and lacks' },
  { folder: 'cli/simulate', tier: 13, holds: 'flags and texts of simulate' },
  { folder: 'cli/session', tier: 14, holds: 'runs for commands: shown, stopped by signals, with a report' },
  { folder: 'cli/commands', tier: 15, holds: 'the commands, one file each' },
  { folder: 'cli', tier: 16, holds: 'the program' },
];

/** Folders inside a room that belong to it. */
const INNER = /^(engine\/[a-z]+|cli\/[a-z]+|pipeline|freeze|cache)\//;

/**
 * The folder of the room that a source file (a path from the root) stands in, whether or not it is among the rooms.
 * @param {string} file
 * @returns {string}
 */
export function folderOf(file) {
  return INNER.exec(file)?.[1] ?? file.split('/')[0] ?? '';
}

/**
 * The room of a source file (a path from the root), or null where it stands in none.
 * @param {string} file
 * @returns {Room | null}
 */
export function roomOf(file) {
  const folder = folderOf(file);
  return ROOMS.find((room) => room.folder === folder) ?? null;
}

// The storm: which fault comes when, by a seed, and how long a run takes to get over each. It hears the events of the
// run and hurts its processes; it starts none.
import { setTimeout as sleep } from 'node:timers/promises';
import { cutConnection, damageCache, emptyDisk, fillDisk, knock } from './faults.mjs';
import { isAlive } from './processes.mjs';

/** @typedef {import('../lab/dice.mjs').Below} Below */
/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */
/** @typedef {import('./small-disks.mjs').SmallDisks} SmallDisks */

/** The processes of a run. @typedef {{ workers: readonly number[], coordinator: number }} Scene */

/**
 * How often a fault is drawn, and what it does.
 * @typedef {{ weight: number, strike: (scene: Scene) => unknown }} Fault
 */

/**
 * A fault that was done, until the first step that is done after all it caused.
 * @typedef {{ kind: string, at: number, hasEffect: boolean, isDone: boolean }} OpenFault
 */

/** Share of the run by which the last fault should have come. */
const LAST_SHARE = 0.85;
/** A fault comes every so many steps, while no fault lets more pass. */
const STEPS_BETWEEN = 60;
/** What a run does about a fault; a step after it closes the books of that fault. */
const CONSEQUENCES = ['worker.lost', 'recovered', 'run.started', 'worker.joined'];

/**
 * Steps that a storm needs for its faults: long faults let more of them pass.
 * @param {number} numFaults
 */
export const stepsFor = (numFaults) => Math.ceil(1.3 * numFaults + 3) * STEPS_BETWEEN;

/**
 * The faults there are. A hang takes its whole time-out and a new coordinator a start, so they come less often; disks
 * are filled only where they are our own.
 * @param {Below} below
 * @param {string} memory Where the shared memory of the run lies, seen from here.
 * @param {SmallDisks | null} disks
 * @returns {Record<string, Fault>}
 */
export function makeFaults(below, memory, disks) {
  const one = (/** @type {readonly number[]} */ pids) => pids[below(pids.length)] ?? 0;
  const killOne = (/** @type {Scene} */ { workers }) => process.kill(one(workers), 'SIGKILL');
  const fillFor = async (/** @type {string} */ path, /** @type {number} */ ms) => {
    const filler = `${disks?.seenFromHere(path)}/filler`;
    fillDisk(filler);
    await sleep(ms);
    emptyDisk(filler);
  };
  /** @type {Record<string, Fault>} */
  const faults = {
    kill: { weight: 5, strike: killOne },
    killAll: { weight: 1, strike: ({ workers }) => workers.forEach((pid) => process.kill(pid, 'SIGKILL')) },
    // A second death while the first one is dealt with: the replacement, or the one that was left.
    killTwice: {
      weight: 2,
      async strike(scene) {
        killOne(scene);
        await sleep(below(1200));
        const alive = scene.workers.filter(isAlive);
        if (alive.length > 0) process.kill(one(alive), 'SIGKILL');
      },
    },
    cutCoordinator: { weight: 2, strike: ({ workers, coordinator }) => cutConnection(coordinator, one(workers)) },
    cutNeighbour: { weight: 2, strike: ({ workers: [first = 0, second = 0] }) => cutConnection(first, second) },
    slow: {
      weight: 2,
      async strike({ workers }) {
        const pid = one(workers);
        process.kill(pid, 'SIGSTOP');
        await sleep(100 + below(400));
        process.kill(pid, 'SIGCONT');
      },
    },
    hang: { weight: 1, strike: ({ workers }) => process.kill(one(workers), 'SIGSTOP') },
    damageCache: { weight: 2, strike: ({ coordinator }) => damageCache(memory, coordinator, below) },
    stranger: { weight: 2, strike: ({ coordinator }) => knock(coordinator, below) },
  };
  if (disks !== null) {
    faults.memoryFull = { weight: 2, strike: () => fillFor(disks.memory, 300 + below(1500)) };
    // With a death on top: what replaces the dead finds no memory either.
    faults.memoryFullAndKill = {
      weight: 1,
      async strike(scene) {
        killOne(scene);
        await fillFor(disks.memory, 300 + below(1000));
      },
    };
    faults.diskFull = { weight: 2, strike: () => fillFor(disks.disk, 300 + below(1500)) };
  }
  faults.killCoordinator = { weight: 1, strike: ({ coordinator }) => process.kill(coordinator, 'SIGKILL') };
  faults.interrupt = { weight: 1, strike: ({ coordinator }) => process.kill(coordinator, 'SIGTERM') };
  return faults;
}

/**
 * Kinds of faults as often as they are drawn; those that are wanted equally often.
 * @param {Record<string, Fault>} faults
 * @param {readonly string[] | null} wanted
 */
const kindsOf = (faults, wanted) =>
  wanted?.filter((kind) => kind in faults) ??
  Object.entries(faults).flatMap(([kind, { weight }]) => Array.from({ length: weight }, () => kind));

export class Storm {
  /** How many of each kind were done. @type {Map<string, number>} */
  counts = new Map();
  /** Seconds from a fault to the next finished step, by kind. @type {Map<string, number[]>} */
  recoverySeconds = new Map();
  /** All worker processes that there were. @type {Set<number>} */
  pids = new Set();
  done = 0;
  isBusy = false;
  #nextAt = STEPS_BETWEEN;
  /** @type {number[]} */
  #workers = [];
  /** @type {OpenFault | null} */
  #open = null;
  #faults;
  #kinds;
  #below;
  #numFaults;
  #steps;
  #onProgress;

  /**
   * @param {object} options
   * @param {Record<string, Fault>} options.faults
   * @param {readonly string[] | null} options.kinds
   * @param {Below} options.below
   * @param {number} options.numFaults
   * @param {number} options.steps
   * @param {(done: number, step: number) => void} options.onProgress
   */
  constructor({ faults, kinds, below, numFaults, steps, onProgress }) {
    this.#faults = faults;
    this.#kinds = kindsOf(faults, kinds);
    this.#below = below;
    this.#numFaults = numFaults;
    this.#steps = steps;
    this.#onProgress = onProgress;
    if (this.#kinds.length === 0) throw new Error('none of these faults can be done here');
  }

  /** The run ended and another one goes on: its workers are others. */
  forgetWorkers() {
    this.#workers = [];
  }

  /**
   * Hears an event; strikes where the time has come.
   * @param {RunEvent} event
   * @param {number} coordinator
   */
  async hear(event, coordinator) {
    if (event.type === 'worker.joined') {
      this.pids.add(event.pid);
      this.#workers.push(event.pid);
    }
    if (this.#open !== null && CONSEQUENCES.includes(event.type)) this.#open.hasEffect = true;
    if (event.type !== 'step') return;
    this.#closeBooks();
    if (event.step < this.#nextAt || this.isBusy || this.done >= this.#numFaults) return;
    await this.#strike(event.step, coordinator);
  }

  #closeBooks() {
    const open = this.#open;
    if (open === null || !open.hasEffect || !open.isDone) return;
    const seconds = (performance.now() - open.at) / 1000;
    this.recoverySeconds.set(open.kind, [...(this.recoverySeconds.get(open.kind) ?? []), seconds]);
    this.#open = null;
  }

  /**
   * @param {number} step
   * @param {number} coordinator
   */
  async #strike(step, coordinator) {
    this.isBusy = true;
    // Closer together where long faults have let many steps pass; all are to be done well before the end.
    const room = Math.floor((LAST_SHARE * this.#steps - step) / (this.#numFaults - this.done + 1));
    this.#nextAt = step + Math.max(1, Math.min(STEPS_BETWEEN, room));
    this.#workers = this.#workers.filter(isAlive);
    const kind = this.#kinds[this.#below(this.#kinds.length)] ?? '';
    // At a random moment of the step, the reduction, the update or the snapshot.
    await sleep(this.#below(20));
    /** @type {OpenFault} */
    const fault = { kind, at: performance.now(), hasEffect: false, isDone: false };
    this.#open = fault;
    try {
      // Workers that join meanwhile are among those that a second stroke may hit.
      const workers = () => this.#workers;
      await this.#faults[kind]?.strike({
        get workers() {
          return workers();
        },
        coordinator,
      });
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.done++;
      this.#onProgress(this.done, step);
    } catch (error) {
      // Whom it should have hit was gone already.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    } finally {
      fault.isDone = true;
      this.isBusy = false;
    }
  }
}

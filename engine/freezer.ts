// Freezer: how much of the model is frozen. It gathers gradient norms, asks the policy when an interval ends, and keeps the count. The policy decides;
// what follows from a decision (plans, cache) is not its business.
import { countLayers, frozenBlocks, layerNorms } from '../freeze/layers.js';
import type { FreezePolicy } from '../freeze/policy.js';
import { makeFreezePolicy } from '../freeze/registry.js';
import { SignalWindow, type SignalState } from '../freeze/signals.js';
import { durationInSteps } from './duration.js';
import type { FreezeState } from './expected-freeze.js';
import type { RunEventBody } from './events.js';
import type { RunSetup } from './run-setup.js';

export interface FreezerState {
  readonly layers: number;
  readonly decisions: number;
  readonly signals: SignalState;
}

export class Freezer {
  readonly #setup: RunSetup;
  readonly #policy: FreezePolicy;
  #signals: SignalWindow;
  readonly #interval: number;
  readonly #maxLayers: number;
  #layers = 0;
  #decisions = 0;

  constructor(setup: RunSetup) {
    const { config, model, sampler } = setup;
    this.#setup = setup;
    this.#policy = makeFreezePolicy(config.freeze, { alpha: config.freezeAlpha, schedule: config.freezeSchedule });
    this.#signals = new SignalWindow(model.blocks.length);
    this.#interval = this.#policy.everyStep ? 1 : durationInSteps(config.freezeInterval, sampler.stepsPerEpoch);
    // The last layer stays: with all of them frozen only the head would learn, which nobody asks for by default.
    this.#maxLayers = config.freezeMax ?? Math.max(0, countLayers(model.blocks) - 1);
  }

  /** Where freezing stands. */
  get state(): FreezeState {
    return { layers: this.#layers, decisions: this.#decisions, numLayers: countLayers(this.#setup.model.blocks), maxLayers: this.#maxLayers };
  }

  /** Frozen transformer layers. */
  get layers(): number {
    return this.#layers;
  }

  /** Frozen blocks: those layers and what lies before them. */
  get blocks(): number {
    return frozenBlocks(this.#setup.model.blocks, this.#layers);
  }

  /** What a snapshot or a checkpoint needs to go on as if never stopped. */
  save(): FreezerState {
    return { layers: this.#layers, decisions: this.#decisions, signals: this.#signals.save() };
  }

  /** Goes back to a saved state. */
  restore({ layers, decisions, signals }: FreezerState): void {
    this.#layers = layers;
    this.#decisions = decisions;
    this.#signals = new SignalWindow(this.#setup.model.blocks.length, signals);
  }

  /** Takes the gradient norms of one step, per block. */
  observe(blockNorms: readonly number[]): void {
    this.#signals.add(blockNorms);
  }

  /** Whether a decision is due when `stepsDone` steps are done. */
  isDue(stepsDone: number): boolean {
    return this.#setup.config.freeze !== 'none' && stepsDone % this.#interval === 0;
  }

  /** Asks the policy. Returns the event of a decision that changed something or ended an interval, or null. */
  decide(stepsDone: number): Extract<RunEventBody, { type: 'freeze.decided' }> | null {
    const { blocks } = this.#setup.model;
    const norms = this.#policy.everyStep ? [] : layerNorms(blocks, this.#signals.take().norms);
    const before = this.#layers;
    const { layers, reason } = this.#policy.decide({
      interval: ++this.#decisions,
      step: stepsDone,
      frozenLayers: before,
      numLayers: countLayers(blocks),
      layerNorms: norms,
      maxLayers: this.#maxLayers,
    });
    this.#layers = layers;
    if (this.#policy.everyStep && layers === before) return null;
    return { type: 'freeze.decided', step: stepsDone, policy: this.#policy.name, fromLayers: before, toLayers: layers, toBlocks: this.blocks, norms, reason };
  }
}

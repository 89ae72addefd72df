// Freezer: how much of the model is frozen. It gathers gradient norms, asks the policy when a decision is due, heeds
// the guard, and keeps the count. The policy decides; what follows from a decision (plans, cache, rolling back) is not
// its business.
import { countLayers, frozenBlocks, layerNorms } from '../../freeze/layers.js';
import type { FreezeDecision, FreezePolicy } from '../../freeze/policy.js';
import { type RunLearning, runLearning } from '../../freeze/run-learning.js';
import { SignalWindow } from '../../freeze/signals.js';
import type { RunEventBody } from '../events/events.js';
import { freezeInterval } from '../run/freeze-interval.js';
import { runLearningRate } from '../run/run-learning-rate.js';
import type { RunSetup } from '../run/run-setup.js';
import type { FreezeState } from './expected-freeze.js';
import { FreezeGuard, type Watch } from './freeze-guard.js';
import { makeRunPolicy } from './freeze-policy.js';
import type { FreezeProgress, FreezerState } from './freezer-state.js';

export type { FreezerState } from './freezer-state.js';

type EventOf<T extends RunEventBody['type']> = Extract<RunEventBody, { type: T }>;

export class Freezer {
  readonly guard: FreezeGuard;
  readonly #setup: RunSetup;
  readonly #policy: FreezePolicy;
  readonly #numLayers: number;
  readonly #interval: number;
  readonly #maxLayers: number;
  readonly #learning: RunLearning;
  #signals: SignalWindow;
  #layers = 0;
  #decisions = 0;
  #decidedAt = -1;
  #norms: readonly number[] = [];
  #previousNorms: readonly number[] = [];

  constructor(setup: RunSetup) {
    const { config, model, sampler, trained } = setup;
    this.#setup = setup;
    this.#policy = makeRunPolicy(config, trained.pretrainedLayers);
    this.guard = new FreezeGuard(setup, this.#policy);
    this.#signals = new SignalWindow(model.blocks.length);
    this.#numLayers = countLayers(model.blocks);
    this.#interval = freezeInterval(setup);
    this.#learning = runLearning({
      totalSteps: setup.totalSteps,
      stepsPerEpoch: sampler.stepsPerEpoch,
      numSamples: setup.dataset.numTrain,
      rateAt: runLearningRate(setup),
    });
    // The last layer stays: with all of them frozen only the head would learn, which nobody asks for by default.
    this.#maxLayers = config.freezeMax ?? Math.max(0, this.#numLayers - 1);
  }

  /** Nothing more can freeze, and nothing can be taken back: nobody needs to look at the metric. */
  get isSettled(): boolean {
    return this.guard.watches.length === 0 && this.#layers >= this.state.maxLayers;
  }

  /** Where freezing stands. */
  get state(): FreezeState {
    return {
      layers: this.#layers,
      decisions: this.#decisions,
      numLayers: this.#numLayers,
      maxLayers: Math.min(this.#maxLayers, this.#most),
    };
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
    return { ...this.#progress(), guard: this.guard.save() };
  }

  /** Goes back to a saved state. */
  restore({ guard, ...progress }: FreezerState): void {
    this.#restore(progress);
    this.guard.restore(guard);
  }

  /** Takes the gradient norms of a step, per block. Returns the signals of the interval that ends with it, or null. */
  observe(blockNorms: readonly number[], stepsDone: number): EventOf<'freeze.signals'> | null {
    this.#signals.add(blockNorms);
    if (stepsDone % this.#interval !== 0) return null;
    this.#previousNorms = this.#norms;
    const before = this.#norms;
    this.#norms = layerNorms(this.#setup.model.blocks, this.#signals.take().norms).map((norm, layer) =>
      layer < this.#layers ? (before[layer] ?? norm) : norm,
    );
    return {
      type: 'freeze.signals',
      step: stepsDone,
      frozenLayers: this.#layers,
      norms: [...this.#norms],
      learningLeft: this.#learning.left(stepsDone),
      learningSamples: this.#learning.samples,
    };
  }

  /** Factor of the learning rate per block in the step that follows `stepsDone`; undefined where it is 1 for all. */
  rates(stepsDone: number): number[] | undefined {
    const rate = this.#policy.rate;
    if (rate === undefined) return undefined;
    const at = { progress: stepsDone / this.#setup.totalSteps, numLayers: this.#numLayers, maxLayers: this.#maxLayers };
    const { blocks } = this.#setup.model;
    const first = blocks.findIndex(({ layer }) => layer !== null);
    return blocks.map(({ layer }, b) => (layer !== null ? rate(layer, at) : b < first ? rate(0, at) : 1));
  }

  /**
   * Whether a decision is due when `stepsDone` steps are done, and was not taken yet. Before the first step only
   * policies that need no signals decide.
   */
  isDue(stepsDone: number): boolean {
    if (this.#layers >= this.state.maxLayers || this.#decidedAt >= stepsDone) return false;
    if (stepsDone === 0 && this.#policy.atStart !== true) return false;
    // What was held back before the first step does not wait for the next interval.
    if (!this.#policy.everyStep) return stepsDone % this.#interval === 0 || stepsDone === this.guard.trialSteps;
    return this.guard.holds(stepsDone) === null && this.#ask(stepsDone).layers !== this.#layers;
  }

  /**
   * Asks the policy and takes its decision, unless the guard holds it back. `watch` is the freeze that the guard
   * watches from now on, if any.
   */
  decide(stepsDone: number): EventOf<'freeze.decided'> {
    const before = this.#progress();
    this.#decisions++;
    this.#decidedAt = stepsDone;
    const { layers, reason } = this.#ask(stepsDone);
    const held = layers > this.#layers ? this.guard.holds(stepsDone) : null;
    const norms = this.#policy.everyStep ? [] : [...this.#norms];
    if (held === null && layers > this.#layers)
      this.guard.begin(stepsDone, { ...before, decisions: this.#decisions, decidedAt: stepsDone });
    if (held === null) this.#layers = layers;
    return {
      type: 'freeze.decided',
      step: stepsDone,
      policy: this.#policy.name,
      fromLayers: before.layers,
      toLayers: this.#layers,
      toBlocks: this.blocks,
      wantedLayers: layers,
      norms,
      reason,
      ...(held === null ? {} : { held }),
    };
  }

  /** Goes back to before a freeze that hurt. Returns until which step freezes are held back. */
  rollBack(watch: Watch): number {
    this.#restore(watch.before);
    return this.guard.rollBack(watch);
  }

  /** Layers that the policy would ever freeze. */
  get #most(): number {
    return this.#policy.most?.(this.#numLayers, this.#setup.dataset.numTrain) ?? Infinity;
  }

  #ask(stepsDone: number): FreezeDecision {
    return this.#policy.decide({
      interval: this.#decisions,
      step: stepsDone,
      totalSteps: this.#setup.totalSteps,
      numSamples: this.#setup.dataset.numTrain,
      learningLeft: this.#learning.left(stepsDone),
      learningSamples: this.#learning.samples,
      frozenLayers: this.#layers,
      numLayers: this.#numLayers,
      layerNorms: this.#norms,
      previousNorms: this.#previousNorms,
      maxLayers: this.#maxLayers,
    });
  }

  #progress(): FreezeProgress {
    return {
      layers: this.#layers,
      decisions: this.#decisions,
      decidedAt: this.#decidedAt,
      signals: this.#signals.save(),
      norms: this.#norms,
      previousNorms: this.#previousNorms,
    };
  }

  #restore({ layers, decisions, decidedAt, signals, norms, previousNorms }: FreezeProgress): void {
    this.#layers = layers;
    this.#decisions = decisions;
    this.#decidedAt = decidedAt;
    this.#signals = new SignalWindow(this.#setup.model.blocks.length, signals);
    this.#norms = norms;
    this.#previousNorms = previousNorms;
  }
}

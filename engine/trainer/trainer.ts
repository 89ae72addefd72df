// Trainer: one training run, from the launch of its workers to its last checkpoint. It lets the coordinator launch
// them, learns what blocks cost, puts the first plan into force, and then leaves the run to its loop. Every decision on
// the way is an event.
import { basename } from 'node:path';
import { type InitialWeights, initialWeights, weightsEvent } from '../checkpoint/initial-weights.js';
import { lengthChange } from '../checkpoint/longer-run.js';
import { otherProgramsText } from '../checkpoint/other-programs.js';
import { restoreFrom, type ResumePoint } from '../checkpoint/run-checkpoint.js';
import type { Coordinator } from '../coordinator/coordinator.js';
import { trainConfigSchema } from '../core/config.js';
import { type RunCosts, runCosts } from '../costs/run-costs.js';
import { decisionAtStart } from '../freezing/guarded-freezing.js';
import { modelDigest } from '../model/model-digest.js';
import type { PlanRequest } from '../planning/planned.js';
import type { Report } from '../protocol/messages.js';
import { runLearningRate } from '../run/run-learning-rate.js';
import type { RunSetup } from '../run/run-setup.js';
import type { KeptResults } from '../tensor/program-shelf.js';
import { joinedEvent } from './membership.js';
import { requireMemory } from './memory-need.js';
import { PlanAdoption } from './plan-adoption.js';
import { RunNews } from './run-news.js';
import type { RunScene } from './run-scene.js';
import { RunStand } from './run-stand.js';
import { Saves } from './saves.js';
import { dataEvents, startEvent } from './start-event.js';
import type { TrainHost } from './train-host.js';
import { TrainingLoop } from './training-loop.js';

/** Where a run goes on. */
export interface ResumedFrom {
  readonly point: ResumePoint;
  /** What computes otherwise than before, and was accepted. */
  readonly otherBits: string[];
}

export class Trainer {
  readonly #scene: RunScene;
  readonly #from: ResumedFrom | null;
  /** Weights to start from, where the run does not go on. */
  readonly #initial: InitialWeights | null;
  readonly #kept: KeptResults | null;
  readonly #news: RunNews;
  readonly #saves: Saves;
  #modelDigest: string | null = null;

  constructor(
    setup: RunSetup,
    host: TrainHost,
    from: ResumedFrom | null,
    coordinator: Coordinator,
    kept: KeptResults | null,
  ) {
    const { config } = setup;
    this.#scene = { setup, host, coordinator, stand: new RunStand(setup), learningRate: runLearningRate(setup) };
    this.#from = from;
    this.#initial = from === null && config.initFrom !== '' ? initialWeights(setup) : null;
    this.#kept = kept;
    this.#news = new RunNews(host.emit, this.#scene.stand);
    this.#saves = new Saves(this.#scene);
  }

  /** Trains to the end, or until somebody asks to stop. Rejects with the root cause of a failure. */
  async train(): Promise<void> {
    const known = await this.#launch();
    const adoption = await PlanAdoption.first(this.#scene, known, this.#startingPoint());
    await new TrainingLoop(this.#scene, adoption, this.#saves).run();
  }

  /** What tells the model and the data of this run from others. */
  digests(): { readonly model: string; readonly data: string } {
    const { model, dataset, microBatch } = this.#scene.setup;
    return { model: (this.#modelDigest ??= modelDigest(model, dataset.info, microBatch)), data: dataset.digest };
  }

  /** Takes note of a connection that was not let in, or was cut. */
  noteDropped(peer: string, reason: string): void {
    this.#news.dropped(peer, reason);
  }

  /** Takes what a worker reports on its own. */
  note(report: Report, worker: string): void {
    this.#news.reported(report, worker);
  }

  async close(): Promise<void> {
    await this.#saves.close();
  }

  /** Until the workers have loaded model and data, and it is known what blocks cost. */
  async #launch(): Promise<RunCosts> {
    const { setup, host, coordinator } = this.#scene;
    // What does not fit never started, and leaves no folder.
    requireMemory(coordinator.memoryFolder, setup);
    host.emit(startEvent(setup));
    for (const event of dataEvents(setup)) host.emit(event);
    if (this.#initial !== null) this.#tellOfWeights(this.#initial);
    for (const member of await coordinator.launch()) host.emit(joinedEvent(member));
    host.onOpen?.(coordinator.entrance);
    const known = await runCosts(setup, coordinator, this.#kept);
    host.emit(known.event);
    return known;
  }

  #tellOfWeights(initial: InitialWeights): void {
    const { setup, host } = this.#scene;
    host.emit(weightsEvent(initial));
    const other = otherProgramsText(setup, initial);
    if (other !== null) host.emit({ type: 'warning', message: other });
  }

  /** Where the run begins or goes on, and what the first plan has to respect there. */
  #startingPoint(): PlanRequest {
    const { host, stand } = this.#scene;
    if (this.#from === null) {
      const decided = stand.grower.isWhole ? decisionAtStart(stand.freezer) : null;
      if (decided !== null) host.emit(decided);
      return { ...stand.request('the run starts'), restore: null };
    }
    const { point, otherBits } = this.#from;
    const { folder, manifest } = point;
    restoreFrom(point, stand.progress, stand);
    host.emit({
      type: 'resumed',
      step: stand.step,
      checkpoint: folder,
      ...(otherBits.length > 0 ? { otherBits } : {}),
    });
    const change = lengthChange(this.#scene.setup, trainConfigSchema.parse(manifest.config), manifest.step);
    if (change !== null) {
      stand.progress.forgive();
      host.emit({ type: 'warning', message: change });
    }
    this.#saves.wentOnFrom(manifest.step);
    return { ...stand.request('the run goes on'), restore: { kind: 'checkpoint', name: basename(folder) } };
  }
}

// FolderRun: what programs may do with a run folder that holds a checkpoint. It computes in this process, on one
// device, and changes nothing in the folder.
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import type { TrainConfig } from '../core/config.js';
import { DataError } from '../core/errors.js';
import { EventFile } from '../events/event-file.js';
import { summarize, type Summary } from '../events/summary.js';
import type { GenerateOptions } from '../inference/generate.js';
import type { RunFolder } from '../run/run-folder.js';
import { approveModel } from '../session/foreign-run.js';
import { resolveRecorded } from '../session/resolve-settings.js';
import { programLayer } from '../session/settings-layer.js';
import { RUN_PLACES, type RunPlaces } from './run-places.js';
import { ownKey } from './this-user.js';
import type { Evaluation, Generation, GenerationOptions, Predictions, TrainedRun, Weight } from './trained-run.js';

/** As `pipetrain generate` has them. */
const GENERATION: GenerateOptions = { length: 200, temperature: 1, topK: 0, topP: 1, seed: 1 };

/** A run that this process has trained, whose model it has therefore run already. */
export const runTrainedHere = (folder: RunFolder): TrainedRun => new FolderRun(folder, {}, true);

export class FolderRun implements TrainedRun {
  readonly folder: string;
  readonly summary: Summary;
  readonly #run: RunFolder;
  readonly #places: RunPlaces;
  readonly #isNamed: boolean;

  constructor(run: RunFolder, places: RunPlaces, isNamed: boolean) {
    this.#run = run;
    this.folder = run.path;
    this.summary = summarize(new EventFile(run.eventsPath));
    this.#places = places;
    this.#isNamed = isNamed;
  }

  async weights(): Promise<ReadonlyMap<string, Weight>> {
    const { checkpointWeights } = await import('../checkpoint/export-weights.js');
    return checkpointWeights(await this.#point());
  }

  async evaluate(): Promise<Evaluation> {
    const { point, config } = await this.#asked();
    const { evaluateCheckpoint } = await import('../inference/evaluate.js');
    return evaluateCheckpoint(point, config);
  }

  async predict(texts: readonly string[]): Promise<Predictions> {
    const { point, config } = await this.#asked();
    const { predictTexts } = await import('../inference/predict.js');
    return predictTexts(point, config, texts);
  }

  async generate(prompt: string, options: GenerationOptions = {}): Promise<Generation> {
    const { point, config } = await this.#asked();
    const { generateText } = await import('../inference/generate.js');
    return generateText(point, config, prompt, { ...GENERATION, ...options });
  }

  /** What the run came to: the best checkpoint where it kept it, else the newest. No other: nobody would be told. */
  async #point(): Promise<ResumePoint> {
    const { resultPoint } = await import('../checkpoint/run-checkpoint.js');
    const { point, refused } = resultPoint(this.#run.checkpointsPath);
    if (refused.length === 0) return point;
    throw new DataError(
      'PT_CHECKPOINT_BROKEN',
      `the checkpoint of ${this.folder} cannot be used: ${refused.join('; ')}`,
      `Delete it to use ${point.folder} in its place, or go on with the run: pipetrain resume ${this.folder}.`,
    );
  }

  async #asked(): Promise<{ readonly point: ResumePoint; readonly config: TrainConfig }> {
    const point = await this.#point();
    const layer = programLayer(this.#places, 'loadRun()', RUN_PLACES);
    const { config } = await resolveRecorded(`run ${this.folder}`, point.manifest.config, layer);
    const { sameModel } = await import('../checkpoint/resumed-setup.js');
    await approveModel({
      naming: (path) => `loadRun('${this.folder}', { model: '${path}' })`,
      point,
      source: await sameModel(config.model, point),
      isNamed: this.#isNamed,
      key: ownKey(),
      ask: null,
    });
    return { point, config };
  }
}

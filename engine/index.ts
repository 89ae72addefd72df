// What `import ... from 'pipetrain'` gives: the tools to define a model, the errors, and runs: to begin one, to go on
// with one, and to use what was trained.
export type { RunEvent } from './events/events.js';
export type { EventOf, Summary } from './events/summary.js';
export type { Callbacks, EpochEnd, RunControl } from './library/callbacks.js';
export { loadRun } from './library/load-run.js';
export type { RunPlaces } from './library/run-places.js';
export { resume, type ResumeOptions, type ResumeSettings, train, type TrainSettings } from './library/train.js';
export type {
  Evaluation,
  Generation,
  GenerationOptions,
  Predictions,
  TrainedRun,
  Weight,
} from './library/trained-run.js';
export type { RunOptions, TrainingRun } from './library/training-run.js';
export * from './model/public.js';

// CliServices: what commands need from the engine, loaded when it is first needed: `--help` must not load a compute
// library. Tests hand in their own.
import type { ExportDType } from '../../engine/checkpoint/export-dtype.js';
import type { ExportedWeights, ExportOptions } from '../../engine/checkpoint/export-weights.js';
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { Trust } from '../../engine/comm/tls.js';
import type { TrainConfig, TrainConfigInput } from '../../engine/core/config.js';
import type { Check } from '../../engine/events/ledger.js';
import type { RunEvaluation } from '../../engine/inference/evaluate.js';
import type { GeneratedText, GenerateOptions } from '../../engine/inference/generate.js';
import type { Predictions } from '../../engine/inference/predict.js';
import type { ModelDefaults } from '../../engine/model/define.js';
import type { ModelSource } from '../../engine/model/model-source.js';
import type { RunFolder } from '../../engine/run/run-folder.js';
import type { RunStatus } from '../../engine/status/run-status.js';
import type { PlanPreview } from '../../engine/trainer/plan-preview.js';
import type { TrainHost } from '../../engine/trainer/train-host.js';
import type { TrialResult } from '../../engine/verify/verify-model.js';
import type { AgentOptions } from '../../engine/worker/worker-agent.js';

export interface CliServices {
  modelDefaults(model: string): Promise<ModelDefaults>;
  /** Rejects with the UsageError of what is wrong without a look at model and data. */
  checkSettings(config: TrainConfig): Promise<void>;
  runTraining(config: TrainConfig, host: TrainHost, from: ResumePoint | null): Promise<void>;
  resumePoint(run: RunFolder): Promise<{ readonly point: ResumePoint; readonly refused: readonly string[] }>;
  /** The checkpoint that tells what a run came to: the best where the run kept it, else the newest. */
  resultPoint(run: RunFolder): Promise<{ readonly point: ResumePoint; readonly refused: readonly string[] }>;
  quickstartConfig(): Promise<TrainConfigInput>;
  /** Where the model of a checkpoint comes from; nothing of it is run. Rejects where it changed. */
  modelOf(model: string, point: ResumePoint): Promise<ModelSource>;
  evaluateCheckpoint(point: ResumePoint, config: TrainConfig): Promise<RunEvaluation>;
  predictTexts(point: ResumePoint, config: TrainConfig, texts: readonly string[]): Promise<Predictions>;
  /** The texts of a file that has one per line. */
  textLines(file: string): Promise<readonly string[]>;
  generateText(
    point: ResumePoint,
    config: TrainConfig,
    prompt: string,
    options: GenerateOptions,
  ): Promise<GeneratedText>;
  previewPlan(config: TrainConfig): Promise<PlanPreview>;
  verifyRun(run: RunFolder): Promise<readonly Check[]>;
  verifyModel(
    config: TrainConfig,
    steps: number,
    onResult: (result: TrialResult) => void,
  ): Promise<readonly TrialResult[]>;
  exportWeights(run: RunFolder, out: string, options: ExportOptions): Promise<ExportedWeights>;
  exportTransformers(
    point: ResumePoint,
    config: TrainConfig,
    out: string,
    dtype: ExportDType,
  ): Promise<ExportedWeights>;
  runWorkers(options: AgentOptions): Promise<void>;
  askCoordinator(url: string, token: string, trust: Trust): Promise<RunStatus>;
  statusOfFolder(run: RunFolder): Promise<RunStatus>;
}

export const engineServices: CliServices = {
  modelDefaults: async (model) => {
    const { loadModelDefinition } = await import('../../engine/model/load-model.js');
    return (await loadModelDefinition(model)).defaults;
  },
  checkSettings: async (config) => {
    const { checkSettings } = await import('../../engine/run/check-settings.js');
    checkSettings(config);
  },
  runTraining: async (config, host, from) => {
    const { runTraining } = await import('../../engine/trainer/run-training.js');
    return runTraining(config, host, from);
  },
  resumePoint: async (run) => {
    const { newestResumePoint } = await import('../../engine/checkpoint/run-checkpoint.js');
    return newestResumePoint(run.checkpointsPath);
  },
  resultPoint: async (run) => {
    const { resultPoint } = await import('../../engine/checkpoint/run-checkpoint.js');
    return resultPoint(run.checkpointsPath);
  },
  quickstartConfig: async () => {
    const { quickstartConfig } = await import('../../engine/run/quickstart.js');
    return quickstartConfig();
  },
  modelOf: async (model, point) => {
    const { sameModel } = await import('../../engine/checkpoint/resumed-setup.js');
    return sameModel(model, point);
  },
  evaluateCheckpoint: async (point, config) => {
    const { evaluateCheckpoint } = await import('../../engine/inference/evaluate.js');
    return evaluateCheckpoint(point, config);
  },
  predictTexts: async (point, config, texts) => {
    const { predictTexts } = await import('../../engine/inference/predict.js');
    return predictTexts(point, config, texts);
  },
  textLines: async (file) => {
    const { readTextLines } = await import('../../engine/data/text-lines.js');
    return readTextLines(file);
  },
  generateText: async (point, config, prompt, options) => {
    const { generateText } = await import('../../engine/inference/generate.js');
    return generateText(point, config, prompt, options);
  },
  previewPlan: async (config) => {
    const { previewPlan } = await import('../../engine/trainer/plan-preview.js');
    return previewPlan(config);
  },
  verifyRun: async (run) => {
    const { verifyRun } = await import('../../engine/verify/verify-run.js');
    return verifyRun(run);
  },
  verifyModel: async (config, steps, onResult) => {
    const { verifyModel } = await import('../../engine/verify/verify-model.js');
    return verifyModel(config, steps, onResult);
  },
  exportWeights: async (run, out, options) => {
    const { exportWeights } = await import('../../engine/checkpoint/export-weights.js');
    return exportWeights(run, out, options);
  },
  exportTransformers: async (point, config, out, dtype) => {
    const { exportTransformers } = await import('../../engine/checkpoint/export-transformers.js');
    return exportTransformers(point, config, out, dtype);
  },
  runWorkers: async (options) => {
    const { runWorkers } = await import('../../engine/worker/worker-agent.js');
    return runWorkers(options);
  },
  askCoordinator: async (url, token, trust) => {
    const { askCoordinator } = await import('../../engine/status/ask-status.js');
    return askCoordinator(url, token, trust);
  },
  statusOfFolder: async (run) => {
    const { statusOfFolder } = await import('../../engine/status/ask-status.js');
    return statusOfFolder(run);
  },
};

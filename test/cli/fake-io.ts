// An outside world for tests: outputs that are kept, an environment of its own, signals that can be sent.
import { EventEmitter } from 'node:events';
import type { CliIo } from '../../cli/console/io.js';
import { type Output, outputTo } from '../../cli/console/output.js';
import type { CliServices } from '../../cli/session/services.js';
import type { ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';

export interface FakeOutput extends Output {
  text: string;
}

export function fakeOutput(
  options: { readonly isTerminal?: boolean; readonly hasColour?: boolean; readonly columns?: number } = {},
): FakeOutput {
  const facts = {
    name: 'an output of the test',
    lostBecause: () => null,
    isTerminal: options.isTerminal ?? false,
    hasColour: options.hasColour ?? false,
    columns: () => options.columns ?? 80,
  };
  const output: FakeOutput = {
    text: '',
    ...outputTo((text) => {
      output.text += text;
    }, facts),
  };
  return output;
}

export interface FakeIo extends CliIo {
  readonly stdout: FakeOutput;
  readonly stderr: FakeOutput;
  /** Codes of exits that did not wait. */
  readonly exits: number[];
}

export function fakeIo(env: Record<string, string> = {}): FakeIo {
  const exits: number[] = [];
  return {
    stdout: fakeOutput(),
    stderr: fakeOutput(),
    env,
    now: () => new Date(2026, 10, 20, 9, 5, 7),
    signals: new EventEmitter(),
    ask: null,
    exitNow: (code) => void exits.push(code),
    exits,
  };
}

/** A checkpoint of which only what a command looks at is there. */
export const POINT = {
  folder: 'checkpoints/step-00000300',
  manifest: { step: 300, config: { model: 'gpt', data: 'text:x', steps: 300 }, digest: 'cd'.repeat(32), seal: null },
} as unknown as ResumePoint;

/** An engine that knows one model and does what it is told. */
export function fakeServices(runTraining: CliServices['runTraining'] = () => Promise.resolve()): CliServices {
  return {
    modelDefaults: () => Promise.resolve({ epochs: 3, batch: 32, microBatch: 8, lr: '5e-4' }),
    checkSettings: () => Promise.resolve(),
    runTraining,
    quickstartConfig: () => Promise.resolve({ model: 'gpt', data: 'text:somewhere', steps: 10 }),
    resumePoint: () => Promise.resolve({ point: POINT, refused: [] }),
    resultPoint: () => Promise.resolve({ point: POINT, refused: [] }),
    verifyRun: () => Promise.resolve([]),
    verifyModel: () => Promise.resolve([]),
    exportTransformers: () => Promise.reject(new Error('no weights here')),
    exportWeights: () => Promise.reject(new Error('no weights here')),
    previewPlan: () => Promise.reject(new Error('no preview here')),
    runWorkers: () => Promise.reject(new Error('no workers here')),
    askCoordinator: () => Promise.reject(new Error('no run here')),
    statusOfFolder: () => Promise.reject(new Error('no run here')),
    modelOf: () => Promise.resolve({ kind: 'built-in', path: null, sha256: 'ab'.repeat(32), files: [] }),
    predictTexts: () => Promise.reject(new Error('no predictions here')),
    generateText: () => Promise.reject(new Error('no text here')),
    textLines: () => Promise.reject(new Error('no texts here')),
    evaluateCheckpoint: () =>
      Promise.resolve({
        checkpoint: 'c',
        step: 300,
        loss: 1.5,
        metric: { name: 'accuracy', value: 0.5 },
        metrics: { accuracy: 0.5 },
        samples: 700,
        data: null,
      }),
  };
}

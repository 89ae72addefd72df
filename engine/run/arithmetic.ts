// Arithmetic: what the bits of a run depend on besides its configuration, its model and its data: processor, executor,
// kernels and versions. Two processes with the same give the same bits.
import { z } from 'zod';
import type { TrainConfig } from '../core/config.js';
import { processorDifference, processorKind } from '../core/processor.js';
import { VERSION } from '../core/version.js';
import { ortVersion } from '../tensor/ort-library.js';
import { deviceBits, executorOf, hasKernels } from './devices.js';

export const arithmeticSchema = z.object({
  /** Architecture and vector instructions (core/processor.ts). */
  processor: z.string(),
  executor: z.string(),
  /** Whether the heavy operations are our machine code. */
  kernels: z.boolean(),
  pipetrain: z.string(),
  /** `none` where it is not installed. */
  onnxruntime: z.string(),
  /** What the devices compute with where that has versions and kinds of its own; `none` where it has not. */
  device: z.string().default('none'),
});
export type Arithmetic = z.infer<typeof arithmeticSchema>;

/** That of a run with this configuration, in this process. */
export const arithmeticOf = (config: TrainConfig): Arithmetic => ({
  processor: processorKind(),
  executor: executorOf(config.devices),
  kernels: hasKernels(config),
  pipetrain: VERSION,
  onnxruntime: ortVersion() ?? 'none',
  device: deviceBits(config.devices).join(' and ') || 'none',
});

/** What is not as it was, one sentence each; empty where the bits are the same. */
export function arithmeticDifferences(was: Arithmetic, is: Arithmetic): string[] {
  const differs = (what: string, name: keyof Arithmetic): string[] =>
    was[name] === is[name] ? [] : [`${what} is ${is[name]}, it was ${was[name]}`];
  return [
    ...(was.processor === is.processor
      ? []
      : [`the processor is another kind (${processorDifference(is.processor, was.processor)})`]),
    ...differs('the executor', 'executor'),
    ...(was.kernels === is.kernels ? [] : [kernelsDiffer(is.kernels)]),
    ...differs('pipetrain', 'pipetrain'),
    ...differs('ONNX Runtime', 'onnxruntime'),
    ...differs('what the devices compute with', 'device'),
  ];
}

const kernelsDiffer = (areUsed: boolean): string =>
  `the kernels of pipetrain are ${areUsed ? '' : 'not '}used, they were ${areUsed ? 'not ' : ''}used`;

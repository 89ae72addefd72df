// SimulatedModel: a transformer as the simulator sees it: blocks with operation counts, bytes and sizes, from the
// formulas of the architecture. No such model is built or run; the blocks are those of the paper's partition (attention
// and MLP sub-layers).
import type { BlockCost } from '../../pipeline/costs.js';
import { UsageError } from '../core/errors.js';
import { suggest } from '../core/suggest.js';
import type { HardwareProfile } from './hardware.js';

/** Per sample where it says nothing else. */
export interface SimulatedBlock {
  readonly name: string;
  /** Transformer layer, or null. */
  readonly layer: number | null;
  /** Whole block. */
  readonly parameters: number;
  /** Forward, multiplications and additions counted apart. */
  readonly flops: number;
  /** Backward over forward: 2 (input and weight gradient), 1 where there is no input gradient. */
  readonly backwardFactor: number;
  /** Kernels of a forward, whatever the batch. */
  readonly kernels: number;
  /** Kept for the backward, float32 elements. */
  readonly saved: number;
  /** What the next block gets, float32 elements. */
  readonly output: number;
}

export interface SimulatedModel {
  readonly name: string;
  readonly description: string;
  readonly blocks: readonly SimulatedBlock[];
  /** States of the optimizer per parameter: 1 SGD with momentum, 2 AdamW. */
  readonly optimizerStates: number;
  /** The training of the paper: data, samples, epochs, samples per step and pipeline. */
  readonly data: string;
  readonly samples: number;
  readonly epochs: number;
  readonly pipelineBatch: number;
}

interface Encoder {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly sequence: number;
}

/**
 * The sub-layers of a pre- or post-norm encoder with MLP 4 times as wide. Matrix products: 8 S H^2 + 4 S^2 H and 16 S
 * H^2. Kept, in eager mode with dropout: of the attention 8 S H (input, norm, query, key, value, context, projection,
 * dropout) and 3 S^2 per head (scores, softmax, dropout); of the MLP 15 S H (input, norm, projection; 3 times the 4 S H
 * of the hidden layer).
 */
function encoderBlocks({ layers, width: H, heads, sequence: S }: Encoder): SimulatedBlock[] {
  return Array.from({ length: layers }, (_, layer): SimulatedBlock[] => [
    {
      name: `attention ${layer}`,
      layer,
      parameters: 4 * (H * H + H) + 2 * H,
      flops: 8 * S * H * H + 4 * S * S * H,
      backwardFactor: 2,
      kernels: 12,
      saved: 8 * S * H + 3 * heads * S * S,
      output: S * H,
    },
    {
      name: `mlp ${layer}`,
      layer,
      parameters: 8 * H * H + 5 * H + 2 * H,
      flops: 16 * S * H * H,
      backwardFactor: 2,
      kernels: 7,
      saved: 15 * S * H,
      output: S * H,
    },
  ]).flat();
}

function vit(): SimulatedBlock[] {
  const [S, H, classes, patch] = [197, 768, 100, 768];
  return [
    {
      name: 'embedding',
      layer: null,
      parameters: patch * H + H + H + S * H,
      flops: 2 * (S - 1) * patch * H,
      backwardFactor: 1,
      kernels: 4,
      saved: 2 * S * H,
      output: S * H,
    },
    ...encoderBlocks({ layers: 12, width: H, heads: 12, sequence: S }),
    {
      name: 'norm',
      layer: null,
      parameters: 2 * H,
      flops: 0,
      backwardFactor: 2,
      kernels: 1,
      saved: S * H,
      output: S * H,
    },
    {
      name: 'head',
      layer: null,
      parameters: (H + 1) * classes,
      flops: 2 * H * classes,
      backwardFactor: 2,
      kernels: 4,
      saved: H + 2 * classes,
      output: 1,
    },
  ];
}

function bert(encoder: Encoder, head: (encoder: Encoder) => SimulatedBlock[]): SimulatedBlock[] {
  const { width: H, sequence: S } = encoder;
  const [vocabulary, positions, types] = [30_522, 512, 2];
  const embedding = {
    name: 'embedding',
    layer: null,
    parameters: (vocabulary + positions + types + 2) * H,
    flops: 0,
    backwardFactor: 1,
    kernels: 6,
    saved: 3 * S * H,
    output: S * H,
  };
  return [embedding, ...encoderBlocks(encoder), ...head(encoder)];
}

const classifier = ({ width: H, sequence: S }: Encoder): SimulatedBlock[] => [
  {
    name: 'pooler',
    layer: null,
    parameters: H * H + H,
    flops: 2 * H * H,
    backwardFactor: 2,
    kernels: 3,
    saved: S * H + 2 * H,
    output: H,
  },
  {
    name: 'head',
    layer: null,
    parameters: 2 * H + 2,
    flops: 4 * H,
    backwardFactor: 2,
    kernels: 4,
    saved: H + 4,
    output: 1,
  },
];
const spans = ({ width: H, sequence: S }: Encoder): SimulatedBlock[] => [
  {
    name: 'head',
    layer: null,
    parameters: 2 * H + 2,
    flops: 4 * S * H,
    backwardFactor: 2,
    kernels: 5,
    saved: S * H + 4 * S,
    output: 1,
  },
];

const MODELS: readonly SimulatedModel[] = [
  {
    name: 'vit-b16',
    description: 'ViT-B/16, 224 x 224 pixels, 100 classes',
    blocks: vit(),
    optimizerStates: 1,
    data: 'CIFAR-100',
    samples: 50_000,
    epochs: 10,
    pipelineBatch: 320,
  },
  {
    name: 'bert-base',
    description: 'BERT-base, 256 tokens, 2 classes',
    blocks: bert({ layers: 12, width: 768, heads: 12, sequence: 256 }, classifier),
    optimizerStates: 2,
    data: 'SST-2',
    samples: 67_349,
    epochs: 3,
    pipelineBatch: 64,
  },
  {
    name: 'bert-large',
    description: 'BERT-large, 256 tokens, question answering',
    blocks: bert({ layers: 24, width: 1024, heads: 16, sequence: 256 }, spans),
    optimizerStates: 2,
    data: 'SQuAD 1.1',
    samples: 87_599,
    epochs: 3,
    pipelineBatch: 64,
  },
];

export const simulatedModelNames: readonly string[] = MODELS.map(({ name }) => name);

/** The model of that name. Throws a UsageError (PT_SIMULATION). */
export function simulatedModel(name: string): SimulatedModel {
  const model = MODELS.find((candidate) => candidate.name === name);
  if (model !== undefined) return model;
  const near = suggest(name, simulatedModelNames);
  throw new UsageError(
    'PT_SIMULATION',
    `there is no model "${name}" to simulate`,
    near === null ? `Use one of: ${simulatedModelNames.join(', ')}.` : `Did you mean "${near}"?`,
  );
}

/**
 * The costs of the blocks on a device for micro-batches of `microBatch` samples (a fraction is allowed: the paper's
 * table divides as it must). Time = matrix products at the reached speed + memory traffic (what is kept is written once
 * and read once), but at least the kernel launches.
 */
export function simulatedCosts(
  { blocks, optimizerStates }: SimulatedModel,
  hardware: HardwareProfile,
  microBatch: number,
): BlockCost[] {
  const { precision, peakTflops, efficiency, memoryGBs, launchMs } = hardware;
  const activationBytes = precision === 'bf16' ? 2 : 4;
  return blocks.map(({ name, parameters, flops, backwardFactor, kernels, saved, output }) => {
    const computeMs =
      (microBatch * flops) / (peakTflops * efficiency * 1e9) +
      (microBatch * 2 * activationBytes * saved) / (memoryGBs * 1e6);
    const bytes = 4 * parameters;
    return {
      name,
      forwardMs: Math.max(computeMs, kernels * launchMs),
      backwardMs: Math.max(backwardFactor * computeMs, 2 * kernels * launchMs),
      parameterBytes: bytes,
      optimizerBytes: bytes * optimizerStates,
      gradientBytes: bytes,
      savedBytes: activationBytes * saved * microBatch,
      outputBytes: activationBytes * output * microBatch,
    };
  });
}

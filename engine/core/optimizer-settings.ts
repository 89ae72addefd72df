// OptimizerSettings: those settings of a run that say how gradients become updates: learning rate, optimizer, clipping.
// They are a part of TrainConfig.
import { z } from 'zod';

/** A name in a registry; which there are is known higher up (engine/run/run-config.ts). */
const name = z.string().min(1);
/** The optimizers compute with 32 bits, where anything much smaller is 0, and 0 / 0 no number. */
const LEAST_EPSILON = 1e-37;

export const OPTIMIZER_SETTINGS = {
  lr: z
    .string()
    .default('1e-3 * (0.02 + 0.98 * 0.5 * (1 + cos(pi * progress)))')
    .describe('learning rate: a number or an expression of step, steps, epoch, epochs, progress'),
  lrSchedule: name
    .default('constant')
    .describe(
      'what becomes of lr, a number then, after the warm-up; constant: lr is all, also where it is an expression',
    ),
  lrFloor: z.number().min(0).max(1).default(0).describe('cosine, linear, wsd: share of lr that is left at the end'),
  lrDecay: z
    .number()
    .gt(0)
    .max(1)
    .default(0.2)
    .describe('wsd: share of the steps after the warm-up, at the end, in which the learning rate falls'),
  warmup: z.number().nonnegative().default(0).describe('steps of linear warm-up; below 1 it is a share of all steps'),
  optimizer: name.default('adamw').describe('optimizer'),
  weightDecay: z
    .number()
    .nonnegative()
    .default(0.01)
    .describe('decoupled weight decay (adamw, lamb, adafactor) or L2 (the other optimizers), on matrices only'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('adamw, lamb: decay of the first moment'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('adamw, lamb: decay of the second moment'),
  epsilon: z.number().min(LEAST_EPSILON).default(1e-8).describe('adamw, adagrad, rmsprop, lamb, shampoo: epsilon'),
  rho: z.number().min(0).lt(1).default(0.99).describe('rmsprop: decay of the mean square'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('sgd, lars: momentum'),
  nesterov: z.boolean().default(false).describe('sgd: Nesterov momentum'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('share of the target that goes to all classes in equal parts, in training, such as 0.1'),
  layerDecay: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe(
      'factor of the learning rate from each layer to the one below (layer-wise decay, such as 0.8 for fine-tuning); ' +
        '1: all have the same',
    ),
  ema: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe(
      'decay of a running mean of the weights, such as 0.999, which predict, generate, eval and export take instead ' +
        'of the weights themselves; training and its validations do not; 0: none',
    ),
  clip: z.number().nonnegative().default(1).describe('largest global gradient norm; 0 switches clipping off'),
} as const;

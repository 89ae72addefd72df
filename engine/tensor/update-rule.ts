// UpdateRule: what an optimizer does to a run of weights, as operations and as an ONNX model of them over vectors of
// any length, and the numbers that change from step to step. It holds no state and no buffers; optimizer.ts applies it
// to them.
import { UsageError } from '../core/errors.js';
import type { ElementwiseSpec, Operation } from './jit/elementwise.js';
import { OnnxBuilder } from './onnx.js';
import type { OnnxModel } from './onnx-executor.js';

export type OptimizerSpec =
  | {
      readonly kind: 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      /** Decoupled: weights shrink by learningRate * weightDecay per step (Loshchilov and Hutter 2019). */
      readonly weightDecay: number;
    }
  | {
      readonly kind: 'sgd';
      /** 0 needs no state. */
      readonly momentum: number;
      readonly nesterov: boolean;
      /** L2: weightDecay * weight is added to the gradient. */
      readonly weightDecay: number;
    };

/** What changes from step to step. */
export interface UpdateSettings {
  readonly learningRate: number;
  /** Factor of the gradient, e.g. from clipping; applied as a 32-bit float. */
  readonly gradientScale: number;
  /** Number of this update, from 1; AdamW corrects the bias of its moments by it. */
  readonly updateCount: number;
}

/**
 * The model's inputs are weights, gradients, the states, the scalars; its outputs weights, states. Inputs and outputs
 * may be the same memory: whatever reads a weight or a state comes before its final write in data flow, or is that
 * write.
 */
export interface UpdateRule {
  readonly model: OnnxModel;
  /** The same operations in the same order. */
  readonly pass: ElementwiseSpec;
  readonly stateCount: number;
  readonly scalarCount: number;
  /** The scalars of a step, in input order. `decays` is false for weights without weight decay. */
  scalars(settings: UpdateSettings, decays: boolean): readonly number[];
}

/** Buffers of the size of the weights that an optimizer keeps between steps; they start as zeros. */
export function stateCount(spec: OptimizerSpec): number {
  if (spec.kind === 'adamw') return 2;
  return spec.momentum > 0 ? 1 : 0;
}

/** The rule of an optimizer. Throws a UsageError (PT_OPTIMIZER) for numbers that cannot train. */
export function updateRule(spec: OptimizerSpec): UpdateRule {
  return spec.kind === 'adamw' ? adamW(spec) : sgd(spec);
}

/** Writes the operations of a rule: `write` gets a function that adds one and returns the name of its result. */
function written(
  name: string,
  states: readonly string[],
  scalars: readonly string[],
  write: (call: (operator: string, result: string, ...inputs: readonly string[]) => string) => void,
): Pick<UpdateRule, 'model' | 'pass'> {
  const onnx = new OnnxBuilder();
  const operations: Operation[] = [];
  const vectors = ['weight', 'gradient', ...states];
  for (const vector of vectors) onnx.input(vector, 'float32', ['n']);
  for (const scalar of scalars) onnx.input(scalar, 'float32', []);
  write((operator, result, ...inputs) => {
    onnx.node(operator, inputs, [result]);
    operations.push({ operator, result, inputs });
    return result;
  });
  const outputNames = ['weight', ...states].map((vector) => `new_${vector}`);
  for (const output of outputNames) onnx.output(output, 'float32', ['n']);
  return {
    model: { name, bytes: onnx.encode(name), inputNames: [...vectors, ...scalars], outputNames },
    pass: { vectors, scalars, operations, outputs: outputNames },
  };
}

/**
 * Adam with decoupled weight decay; Kingma and Ba 2015, algorithm 1 with the bias correction in the scalars (end of
 * their section 2).
 */
function adamW(spec: OptimizerSpec & { kind: 'adamw' }): UpdateRule {
  const { beta1, beta2, epsilon, weightDecay } = spec;
  requireBelowOne('beta1', beta1);
  requireBelowOne('beta2', beta2);
  const scalarNames = ['scale', 'beta1', 'rest1', 'beta2', 'rest2', 'keep', 'step', 'epsilon'];
  const rule = written('adamw', ['first', 'second'], scalarNames, (call) => {
    const gradient = call('Mul', 'scaled', 'gradient', 'scale');
    const first = call('Add', 'new_first', call('Mul', 'a1', 'first', 'beta1'), call('Mul', 'a2', gradient, 'rest1'));
    const square = call('Mul', 'square', gradient, gradient);
    const second = call('Add', 'new_second', call('Mul', 'b1', 'second', 'beta2'), call('Mul', 'b2', square, 'rest2'));
    const root = call('Add', 'root', call('Sqrt', 'c1', second), 'epsilon');
    const change = call('Mul', 'change', call('Div', 'direction', first, root), 'step');
    call('Sub', 'new_weight', call('Mul', 'kept', 'weight', 'keep'), change);
  });
  return {
    ...rule,
    stateCount: 2,
    scalarCount: scalarNames.length,
    scalars({ learningRate, gradientScale, updateCount }, decays) {
      const correction1 = 1 - beta1 ** updateCount;
      const correction2 = Math.sqrt(1 - beta2 ** updateCount);
      const keep = decays ? 1 - learningRate * weightDecay : 1;
      const step = (learningRate * correction2) / correction1;
      return [gradientScale, beta1, 1 - beta1, beta2, 1 - beta2, keep, step, epsilon * correction2];
    },
  };
}

/**
 * Stochastic gradient descent with momentum in the form of Sutskever et al. 2013, where the buffer does not contain the
 * learning rate.
 */
function sgd(spec: OptimizerSpec & { kind: 'sgd' }): UpdateRule {
  const { momentum, nesterov, weightDecay } = spec;
  requireBelowOne('momentum', momentum);
  const hasMomentum = momentum > 0;
  const states = hasMomentum ? ['velocity'] : [];
  const scalarNames = ['scale', 'decay', 'rate', ...(hasMomentum ? ['momentum'] : [])];
  const rule = written('sgd', states, scalarNames, (call) => {
    const scaled = call('Mul', 'scaled', 'gradient', 'scale');
    const gradient = call('Add', 'decayed', scaled, call('Mul', 'pull', 'weight', 'decay'));
    let direction = gradient;
    if (hasMomentum) {
      const velocity = call('Add', 'new_velocity', call('Mul', 'v1', 'velocity', 'momentum'), gradient);
      direction = nesterov ? call('Add', 'ahead', gradient, call('Mul', 'v2', velocity, 'momentum')) : velocity;
    }
    call('Sub', 'new_weight', 'weight', call('Mul', 'change', direction, 'rate'));
  });
  return {
    ...rule,
    stateCount: states.length,
    scalarCount: scalarNames.length,
    scalars: ({ learningRate, gradientScale }, decays) => [
      gradientScale,
      decays ? weightDecay : 0,
      learningRate,
      ...(hasMomentum ? [momentum] : []),
    ],
  };
}

function requireBelowOne(name: string, value: number): void {
  if (value >= 0 && value < 1) return;
  throw new UsageError(
    'PT_OPTIMIZER',
    `${name} is ${value}, it must be at least 0 and below 1`,
    `Set ${name}, e.g. to 0.9.`,
  );
}

// UpdateRule: what an optimizer does to a run of weights, as operations and as an ONNX model of them over vectors of
// any length, and the numbers that change from step to step. It holds no state and no buffers; optimizer.ts applies it
// to them. The rules themselves are in optimizers/.
import { UsageError } from '../core/errors.js';
import type { ElementwiseSpec, Operation } from './jit/elementwise.js';
import { OnnxBuilder } from './onnx.js';
import type { OnnxModel } from './onnx-executor.js';
import type { TensorRule } from './tensor-rule.js';
import type { UpdateSettings } from './update-settings.js';

/** What a run can set of its optimizer; every kind takes what it needs. */
export interface OptimizerSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Of mean squares without a first moment. */
  readonly rho: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** A kind of optimizer: what the registry lists. */
export interface OptimizerKind {
  readonly name: string;
  /** The settings that it reads; the others change nothing. */
  readonly reads: readonly (keyof OptimizerSettings)[];
  /** Throws a UsageError (PT_OPTIMIZER) for numbers that cannot train. */
  rule(settings: OptimizerSettings): UpdateRule | TensorRule;
}

/** Declares a kind; its rule sees the settings that it says it reads, and no others. */
export const defineOptimizer = <K extends keyof OptimizerSettings>(kind: {
  readonly name: string;
  readonly reads: readonly K[];
  readonly rule: (settings: Pick<OptimizerSettings, K>) => UpdateRule | TensorRule;
}): OptimizerKind => kind;

/**
 * The model's inputs are weights, gradients, the states, the scalars; its outputs weights, states. Inputs and outputs
 * may be the same memory: whatever reads a weight or a state comes before its final write in data flow, or is that
 * write.
 */
export interface UpdateRule {
  readonly isWhole?: false;
  readonly model: OnnxModel;
  /** The same operations in the same order. */
  readonly pass: ElementwiseSpec;
  readonly stateCount: number;
  readonly scalarCount: number;
  /** The scalars of a step, in input order. `decays` is false for weights without weight decay. */
  scalars(settings: UpdateSettings, decays: boolean): readonly number[];
  /**
   * Whether with these scalars, finite and as 32-bit floats, a weight whose gradient and states are +0 stays what it
   * is, and the states +0, bit for bit. Default: not so.
   */
  rests?(scalars: readonly number[]): boolean;
}

/**
 * Writes the operations of a rule, over elements of `weight`, `gradient` and the states, and the scalars: `write` gets
 * a function that adds an operation of ONNX (Add, Sub, Mul, Div, Sqrt) and returns the name of its result. The results
 * `new_weight` and, for every state, `new_STATE` take the place of what they are named after.
 */
export function writeRule(
  name: string,
  states: readonly string[],
  scalars: readonly string[],
  write: (call: (operator: string, result: string, ...inputs: readonly string[]) => string) => void,
): Omit<UpdateRule, 'scalars' | 'rests'> {
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
    stateCount: states.length,
    scalarCount: scalars.length,
  };
}

/** Throws a UsageError (PT_OPTIMIZER) where a setting is not in [0, 1). */
export function requireBelowOne(name: string, value: number): void {
  if (value >= 0 && value < 1) return;
  throw new UsageError(
    'PT_OPTIMIZER',
    `${name} is ${value}, it must be at least 0 and below 1`,
    `Set ${name}, e.g. to 0.9.`,
  );
}

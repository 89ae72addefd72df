// Elementwise ops of one tensor.
import { at, likeFirst } from './shapes.js';
import { floating, scalar } from './emit.js';
import { flagAttr, numberAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition } from './definition.js';

/** Defined on floats only: other types are converted first. */
const floatOp = (name: string, emit: (e: EmitContext, x: string) => void): OpDefinition =>
  defineOp({
    name,
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'float32' }],
    emit: (e) => emit(e, floating(e, e.input(0))),
  });

/** Keeps the element type. */
const sameTypeOp = (name: string, emit: (e: EmitContext, x: string) => void): OpDefinition =>
  defineOp({ name, inputs: ['x'], infer: likeFirst, emit: (e) => emit(e, e.input(0).name) });

const direct = (name: string, operator: string): OpDefinition => floatOp(name, (e, x) => e.finish(operator, [x]));

const one = (e: EmitContext): string => scalar(e, 'float32', 1);

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

export const unaryOps: readonly OpDefinition[] = [
  ...(['Exp', 'Log', 'Sqrt', 'Reciprocal', 'Sigmoid', 'Tanh', 'Softplus', 'Erf', 'Sin', 'Cos', 'Tan', 'Sinh', 'Cosh', 'Asin', 'Acos', 'Atan'] as const).map(
    (name) => direct(name, name),
  ),
  direct('Asinh', 'Asinh'),
  direct('Acosh', 'Acosh'),
  direct('Atanh', 'Atanh'),
  direct('Elu', 'Elu'),
  sameTypeOp('Neg', (e, x) => e.finish('Neg', [x])),
  sameTypeOp('Abs', (e, x) => e.finish('Abs', [x])),
  sameTypeOp('Sign', (e, x) => e.finish('Sign', [x])),
  sameTypeOp('Square', (e, x) => e.finish('Mul', [x, x])),
  direct('Floor', 'Floor'),
  direct('Ceil', 'Ceil'),
  direct('Round', 'Round'),
  direct('Relu', 'Relu'),
  floatOp('Relu6', (e, x) => e.finish('Clip', [x, scalar(e, 'float32', 0), scalar(e, 'float32', 6)])),
  floatOp('LeakyRelu', (e, x) => e.finish('LeakyRelu', [x], { alpha: { float: numberAttr(e.attrs, 'alpha') } })),
  floatOp('Selu', (e, x) => e.finish('Selu', [x], { alpha: { float: SELU_ALPHA }, gamma: { float: SELU_SCALE } })),
  floatOp('Rsqrt', (e, x) => e.finish('Reciprocal', [e.node('Sqrt', [x])])),
  // exp(x) - 1 cancels near zero; tanh(x/2) (exp(x) + 1) is the same function and does not.
  floatOp('Expm1', (e, x) => {
    const half = e.node('Tanh', [e.node('Mul', [x, scalar(e, 'float32', 0.5)])]);
    e.finish('Mul', [half, e.node('Add', [e.node('Exp', [x]), one(e)])]);
  }),
  // log(1 + x) loses x near zero; the quotient puts back what rounding of 1 + x took away.
  floatOp('Log1p', (e, x) => {
    const u = e.node('Add', [x, one(e)]);
    const isTiny = e.node('Equal', [u, one(e)]);
    const corrected = e.node('Div', [e.node('Mul', [e.node('Log', [u]), x]), e.node('Sub', [u, one(e)])]);
    e.finish('Where', [isTiny, x, corrected]);
  }),
  sameTypeOp('Step', (e, x) => {
    const { dtype } = e.input(0);
    const alpha = e.attrs['alpha'] === undefined ? 0 : numberAttr(e.attrs, 'alpha');
    e.finish('Where', [e.node('Greater', [x, scalar(e, dtype, 0)]), scalar(e, dtype, 1), scalar(e, dtype, alpha)]);
  }),
  sameTypeOp('ClipByValue', (e, x) => {
    const { dtype } = e.input(0);
    e.finish('Clip', [x, scalar(e, dtype, numberAttr(e.attrs, 'clipValueMin')), scalar(e, dtype, numberAttr(e.attrs, 'clipValueMax'))]);
  }),
  defineOp({
    name: 'EluGrad',
    inputs: ['dy', 'y'],
    infer: (inputs) => [at(inputs, 1)],
    emit: (e) => {
      const y = e.input(1).name;
      const slope = e.node('Add', [e.node('Min', [y, scalar(e, 'float32', 0)]), one(e)]);
      e.finish('Mul', [e.input(0).name, slope]);
    },
  }),
  ...(['IsNan', 'IsInf', 'IsFinite'] as const).map((name) =>
    defineOp({
      name,
      inputs: ['x'],
      infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'bool' }],
      emit: (e) => {
        const x = floating(e, e.input(0));
        if (name === 'IsNan') e.finish('IsNaN', [x]);
        else if (name === 'IsInf') e.finish('IsInf', [x]);
        else e.finish('Not', [e.node('Or', [e.node('IsNaN', [x]), e.node('IsInf', [x])])]);
      },
    }),
  ),
  sameTypeOp('Cumsum', (e, x) => {
    const axis = e.constant('int64', [], [numberAttr(e.attrs, 'axis')]);
    e.finish('CumSum', [x, axis], { exclusive: Number(flagAttr(e.attrs, 'exclusive')), reverse: Number(flagAttr(e.attrs, 'reverse')) });
  }),
  defineOp({
    name: 'Softmax',
    inputs: ['logits'],
    infer: likeFirst,
    emit: (e) => e.finish('Softmax', [e.input(0).name], { axis: numberAttr(e.attrs, 'dim') }),
  }),
  defineOp({
    name: 'LogSoftmax',
    inputs: ['logits'],
    infer: likeFirst,
    emit: (e) => e.finish('LogSoftmax', [e.input(0).name], { axis: numberAttr(e.attrs, 'axis') }),
  }),
];

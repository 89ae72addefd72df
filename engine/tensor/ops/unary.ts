// Elementwise ops of one tensor that an operator of the runtime or two compute; see transcendental.ts for the others.
import { sizeOf } from '../shape.js';
import { flagAttr, normalAxis, numberAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition } from './definition.js';
import { finishReshape, floating, int64s, numeric, reshape, scalar } from './emit.js';
import { evenMap, evenSum } from './even-rows.js';
import { floatOp } from './float-op.js';
import { at, likeFirst, reducedShape } from './shapes.js';
import { emitLog } from './transcendental.js';

/** Keeps the element type. */
const sameTypeOp = (name: string, emit: (e: EmitContext, x: string) => void): OpDefinition =>
  defineOp({ name, inputs: ['x'], infer: likeFirst, emit: (e) => emit(e, e.input(0).name) });

/** Keeps floats and integers; booleans become integers. */
const numericOp = (name: string, emit: (e: EmitContext, x: string) => void): OpDefinition =>
  defineOp({
    name,
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: at(inputs, 0).dtype === 'float32' ? 'float32' : 'int32' }],
    emit: (e) => emit(e, numeric(e, e.input(0))),
  });

/** Integers are what they are. */
const rounding = (name: string): OpDefinition =>
  numericOp(name, (e, x) => e.finish(e.output(0).dtype === 'float32' ? name : 'Identity', [x]));

/** Products of all elements up to each, by doubling: after step d every element holds the product of 2d elements. */
function cumulativeProduct(e: EmitContext): void {
  const { shape, dtype } = e.output(0);
  const axis = normalAxis(numberAttr(e.attrs, 'axis'), shape.length);
  const [n, isReverse] = [at(shape, axis), flagAttr(e.attrs, 'reverse')];
  // What lies `by` places before (after, where reversed), with ones where nothing does.
  const shifted = (x: string, by: number): string => {
    const pads = shape.flatMap(() => [0, 0]);
    pads[isReverse ? shape.length + axis : axis] = by;
    const [begin, end] = isReverse ? [by, n] : [0, n - by];
    return e.node('Pad', [
      e.node('Slice', [x, int64s(e, [begin]), int64s(e, [end]), int64s(e, [axis])]),
      int64s(e, pads),
      scalar(e, dtype, 1),
    ]);
  };
  const x = numeric(e, e.input(0));
  let product = flagAttr(e.attrs, 'exclusive') ? shifted(x, 1) : x;
  for (let by = 1; by < n; by *= 2) product = e.node('Mul', [product, shifted(product, by)]);
  e.finish('Identity', [product]);
}

/** x - max - log(sum(exp(x - max))): the sums of the runtime's own depend on where a row begins. */
function logSoftmax(e: EmitContext): void {
  const { name, shape } = e.input(0);
  const axis = normalAxis(numberAttr(e.attrs, 'axis'), shape.length);
  const shifted = e.node('Sub', [name, e.node('ReduceMax', [name, int64s(e, [axis])], { keepdims: 1 })]);
  const sum = evenSum(e, e.node('Exp', [shifted]), shape, [axis], true);
  const sums = reducedShape(shape, [axis], true);
  e.finish('Sub', [shifted, reshape(e, emitLog(e, sum, sizeOf(sums)), sums)]);
}

const direct = (name: string, operator: string): OpDefinition => floatOp(name, (e, x) => e.finish(operator, [x]));

export const unaryOps: readonly OpDefinition[] = [
  ...(['Exp', 'Sqrt', 'Reciprocal', 'Erf', 'Sin', 'Tan', 'Sinh', 'Cosh'] as const).map((name) => direct(name, name)),
  // The runtime's own takes another function for the elements behind the last whole vector.
  floatOp('Cos', (e, x) => finishReshape(e, evenMap(e, 'Cos', x, sizeOf(e.output(0).shape)))),
  direct('Asinh', 'Asinh'),
  direct('Acosh', 'Acosh'),
  direct('Atanh', 'Atanh'),
  sameTypeOp('Neg', (e, x) => e.finish('Neg', [x])),
  sameTypeOp('Abs', (e, x) => e.finish('Abs', [x])),
  // The sign of what is no number is 0.
  sameTypeOp('Sign', (e, x) => {
    if (e.input(0).dtype !== 'float32') return e.finish('Sign', [x]);
    e.finish('Where', [e.node('IsNaN', [x]), scalar(e, 'float32', 0), e.node('Sign', [x])]);
  }),
  sameTypeOp('Square', (e, x) => e.finish('Mul', [x, x])),
  rounding('Floor'),
  rounding('Ceil'),
  rounding('Round'),
  numericOp('Relu', (e, x) => e.finish('Relu', [x])),
  numericOp('Relu6', (e, x) => e.finish('Clip', [x, scalar(e, e.output(0).dtype, 0), scalar(e, e.output(0).dtype, 6)])),
  floatOp('LeakyRelu', (e, x) => e.finish('LeakyRelu', [x], { alpha: { float: numberAttr(e.attrs, 'alpha') } })),
  floatOp('Rsqrt', (e, x) => e.finish('Reciprocal', [e.node('Sqrt', [x])])),
  sameTypeOp('Step', (e, x) => {
    const { dtype } = e.input(0);
    const alpha = e.attrs['alpha'] === undefined ? 0 : numberAttr(e.attrs, 'alpha');
    // The larger of the sign and 0: what is no number stays none, and it is as cheap as a choice.
    if (alpha === 0) return e.finish('Max', [e.node('Sign', [x]), scalar(e, dtype, 0)]);
    const step = [e.node('Greater', [x, scalar(e, dtype, 0)]), scalar(e, dtype, 1), scalar(e, dtype, alpha)];
    if (dtype !== 'float32') return e.finish('Where', step);
    e.finish('Where', [e.node('IsNaN', [x]), x, e.node('Where', step)]);
  }),
  sameTypeOp('ClipByValue', (e, x) => {
    const { dtype } = e.input(0);
    e.finish('Clip', [
      x,
      scalar(e, dtype, numberAttr(e.attrs, 'clipValueMin')),
      scalar(e, dtype, numberAttr(e.attrs, 'clipValueMax')),
    ]);
  }),
  defineOp({
    name: 'EluGrad',
    inputs: ['dy', 'y'],
    infer: (inputs) => [at(inputs, 1)],
    emit: (e) => {
      const y = e.input(1).name;
      const slope = e.node('Add', [e.node('Min', [y, scalar(e, 'float32', 0)]), scalar(e, 'float32', 1)]);
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
    e.finish('CumSum', [x, axis], {
      exclusive: Number(flagAttr(e.attrs, 'exclusive')),
      reverse: Number(flagAttr(e.attrs, 'reverse')),
    });
  }),
  numericOp('Cumprod', cumulativeProduct),
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
    emit: logSoftmax,
  }),
];

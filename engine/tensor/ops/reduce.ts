// Reductions over axes. The order of the additions inside one reduction is the runtime's, fixed for a shape.
import type { DType } from '../shape.js';
import { axesAttr, flagAttr, normalAxis, numberAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition, type TensorSpec } from './definition.js';
import { castAttributes, finishReshape, floating, int64s, numeric, scalar } from './emit.js';
import { evenSum, hasUnevenRows } from './even-rows.js';
import { at, reducedShape } from './shapes.js';

const resultType = (x: TensorSpec, dtype: DType | 'same'): DType =>
  dtype === 'same' ? (x.dtype === 'bool' ? 'int32' : x.dtype) : dtype;

function reduction(name: string, operator: string, dtype: DType | 'same', axisName = 'axis'): OpDefinition {
  const operand = (e: EmitContext): string => (dtype === 'float32' ? floating(e, e.input(0)) : numeric(e, e.input(0)));
  return defineOp({
    name,
    inputs: ['x'],
    infer: (inputs, attrs) => {
      const x = at(inputs, 0);
      const axes = axesAttr(attrs, axisName, x.shape.length);
      return [{ shape: reducedShape(x.shape, axes, flagAttr(attrs, 'keepDims')), dtype: resultType(x, dtype) }];
    },
    emit: (e) => {
      const axes = axesAttr(e.attrs, axisName, e.input(0).shape.length);
      const attributes = { keepdims: Number(flagAttr(e.attrs, 'keepDims')) };
      // Without axes ONNX would reduce over all of them.
      const inputs = [operand(e), int64s(e, axes)];
      if (dtype === 'bool') {
        const reduced = axes.length === 0 ? at(inputs, 0) : e.node(operator, inputs, attributes);
        e.finish('Cast', [reduced], castAttributes('bool'));
      } else if (axes.length === 0) e.finish('Identity', [at(inputs, 0)]);
      else if (e.output(0).dtype === 'float32' && (name === 'Max' || name === 'Min'))
        withNaN(e, at(inputs, 0), e.node(operator, inputs, attributes), inputs.slice(1), attributes);
      else if (isEvened(e, name, axes)) sumOfEvenRows(e, name, at(inputs, 0), axes);
      else e.finish(operator, inputs, attributes);
    },
  });
}

const isEvened = (e: EmitContext, name: string, axes: readonly number[]): boolean =>
  (name === 'Sum' || name === 'Mean') && e.output(0).dtype === 'float32' && hasUnevenRows(e.input(0).shape, axes);

/** The sum, or the mean, of rows that begin at different alignments. */
function sumOfEvenRows(e: EmitContext, name: string, x: string, axes: readonly number[]): void {
  const { shape } = e.input(0);
  const sum = evenSum(e, x, shape, axes, false);
  const count = axes.reduce((product, axis) => product * at(shape, axis), 1);
  finishReshape(e, name === 'Mean' ? e.node('Div', [sum, scalar(e, 'float32', count)]) : sum);
}

/**
 * The node's result, or NaN where one of the numbers it reduces is none: the runtime's own extremes pass over those.
 */
function withNaN(
  e: EmitContext,
  x: string,
  reduced: string,
  rest: readonly string[],
  attributes: { keepdims: number },
): void {
  const hasNaN = e.node(
    'ReduceMax',
    [e.node('Cast', [e.node('IsNaN', [x])], castAttributes('float32')), ...rest],
    attributes,
  );
  e.finish('Where', [e.node('Cast', [hasNaN], castAttributes('bool')), scalar(e, 'float32', NaN), reduced]);
}

const argument = (name: string, least: number): OpDefinition =>
  defineOp({
    name,
    inputs: ['x'],
    infer: (inputs, attrs) => {
      const { shape } = at(inputs, 0);
      return [
        { shape: reducedShape(shape, [normalAxis(numberAttr(attrs, 'axis'), shape.length)], false), dtype: 'int32' },
      ];
    },
    emit: (e) => {
      const axis = normalAxis(numberAttr(e.attrs, 'axis'), e.input(0).shape.length);
      const x = numeric(e, e.input(0));
      // What is no number is never the largest or smallest.
      const numbers =
        e.input(0).dtype === 'float32' ? e.node('Where', [e.node('IsNaN', [x]), scalar(e, 'float32', least), x]) : x;
      e.finish('Cast', [e.node(name, [numbers], { axis, keepdims: 0 })], castAttributes('int32'));
    },
  });

export const reduceOps: readonly OpDefinition[] = [
  reduction('Sum', 'ReduceSum', 'same'),
  reduction('Mean', 'ReduceMean', 'float32'),
  reduction('Max', 'ReduceMax', 'same', 'reductionIndices'),
  reduction('Min', 'ReduceMin', 'same'),
  reduction('Prod', 'ReduceProd', 'same'),
  reduction('All', 'ReduceMin', 'bool'),
  reduction('Any', 'ReduceMax', 'bool'),
  argument('ArgMax', -Infinity),
  argument('ArgMin', Infinity),
  defineOp({
    name: 'TopK',
    inputs: ['x'],
    isList: true,
    infer: (inputs, attrs) => {
      const x = at(inputs, 0);
      const shape = [...x.shape.slice(0, -1), numberAttr(attrs, 'k')];
      return [
        { shape, dtype: resultType(x, 'same') },
        { shape, dtype: 'int32' },
      ];
    },
    emit: (e) => {
      // Always sorted, whether asked for or not: an order that is a promise costs little more.
      const [values, indices] = e.both('TopK', [numeric(e, e.input(0)), int64s(e, [numberAttr(e.attrs, 'k')])]);
      e.finish('Identity', [values]);
      e.finish('Cast', [indices], castAttributes('int32'), '', [1]);
    },
  }),
];

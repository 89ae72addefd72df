// Ops that make tensors from attributes alone.
import type { Attrs } from '../graph.js';
import { sizeOf } from '../shape.js';
import { dtypeAttr, numberAttr, numbersAttr } from './attributes.js';
import { defineOp, type OpDefinition, type TensorSpec } from './definition.js';
import { finishFilled } from './emit.js';
import { at } from './shapes.js';

/**
 * start, start + step, ... up to but without stop. A step of 1 counts down where stop is below start, as TensorFlow.js
 * has it.
 */
export function rangeValues(attrs: Attrs): readonly number[] {
  const [start, stop, given] = [numberAttr(attrs, 'start'), numberAttr(attrs, 'stop'), numberAttr(attrs, 'step')];
  const step = stop < start && given === 1 ? -1 : given;
  const length = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length }, (_, i) => start + i * step);
}

export function spacedValues(attrs: Attrs): readonly number[] {
  const [start, stop, num] = [numberAttr(attrs, 'start'), numberAttr(attrs, 'stop'), numberAttr(attrs, 'num')];
  return Array.from({ length: num }, (_, i) => (num === 1 ? start : start + (i * (stop - start)) / (num - 1)));
}

const like = (name: string, value: number): OpDefinition =>
  defineOp({
    name,
    inputs: ['x'],
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) => finishFilled(e, value),
    // The input's values do not matter; with it as an operand they would be kept alive for the backward.
    simplify: (inputs) => ({ op: 'Fill', attrs: fillAttrs(at(inputs, 0), value) }),
  });

/** Attributes of the Fill that makes a tensor of one value. */
export const fillAttrs = ({ shape, dtype }: TensorSpec, value: number): Attrs => ({ shape, value, dtype });

export const creationOps: readonly OpDefinition[] = [
  defineOp({
    name: 'Fill',
    inputs: [],
    infer: (_, attrs) => [{ shape: numbersAttr(attrs, 'shape'), dtype: dtypeAttr(attrs, 'dtype') }],
    emit: (e) => finishFilled(e, Number(e.attrs['value'])),
  }),
  like('ZerosLike', 0),
  like('OnesLike', 1),
  defineOp({
    name: 'Range',
    inputs: [],
    infer: (_, attrs) => [{ shape: [rangeValues(attrs).length], dtype: dtypeAttr(attrs, 'dtype') }],
    emit: (e) =>
      e.finish('Identity', [e.constant(dtypeAttr(e.attrs, 'dtype'), e.output(0).shape, rangeValues(e.attrs))]),
  }),
  defineOp({
    name: 'LinSpace',
    inputs: [],
    infer: (_, attrs) => [{ shape: [sizeOf([numberAttr(attrs, 'num')])], dtype: 'float32' }],
    emit: (e) => e.finish('Identity', [e.constant('float32', e.output(0).shape, spacedValues(e.attrs))]),
  }),
];

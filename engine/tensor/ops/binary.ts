// Elementwise ops of two tensors, with broadcasting. TensorFlow.js makes the two element types equal before the call.
import type { DType } from '../shape.js';
import { defineOp, type EmitContext, type OpDefinition } from './definition.js';
import { castAttributes, floating, numeric, scalar } from './emit.js';
import { at, broadcastShapes } from './shapes.js';

const binary = (
  name: string,
  dtype: DType | 'same',
  emit: (e: EmitContext) => void,
  inputs: readonly string[] = ['a', 'b'],
): OpDefinition =>
  defineOp({
    name,
    inputs,
    infer: (specs) => {
      const [a, b] = [at(specs, 0), at(specs, 1)];
      const same = a.dtype === 'bool' ? 'int32' : a.dtype;
      return [{ shape: broadcastShapes(a.shape, b.shape), dtype: dtype === 'same' ? same : dtype }];
    },
    emit,
  });

const arithmetic = (name: string, operator: string): OpDefinition =>
  binary(name, 'same', (e) => e.finish(operator, [numeric(e, e.input(0)), numeric(e, e.input(1))]));

const comparison = (name: string, operator: string): OpDefinition =>
  binary(name, 'bool', (e) => e.finish(operator, [numeric(e, e.input(0)), numeric(e, e.input(1))]));

const logical = (name: string, operator: string): OpDefinition =>
  binary(name, 'bool', (e) => e.finish(operator, [e.input(0).name, e.input(1).name]));

const quotient = (e: EmitContext): string => e.node('Div', [floating(e, e.input(0)), floating(e, e.input(1))]);

/**
 * The angle of the point (x, y) for inputs y, x: the arc tangent of the quotient, moved by half a turn where x is
 * negative.
 */
function angle(e: EmitContext): void {
  const [y, x] = [floating(e, e.input(0)), floating(e, e.input(1))];
  const number = (value: number): string => scalar(e, 'float32', value);
  const isBelow = (value: string): string => e.node('Less', [value, number(0)]);
  const turned = (half: number): string => e.node('Where', [isBelow(y), number(-half), number(half)]);
  const steep = e.node('Where', [e.node('Equal', [y, number(0)]), number(0), turned(Math.PI / 2)]);
  const flat = e.node('Add', [
    e.node('Atan', [e.node('Div', [y, x])]),
    e.node('Where', [isBelow(x), turned(Math.PI), number(0)]),
  ]);
  const onAxis = e.node('And', [e.node('Equal', [x, number(0)]), e.node('Not', [e.node('IsNaN', [y])])]);
  e.finish('Where', [onAxis, steep, flat]);
}

export const binaryOps: readonly OpDefinition[] = [
  arithmetic('Add', 'Add'),
  arithmetic('AddV2', 'Add'),
  arithmetic('Sub', 'Sub'),
  arithmetic('Multiply', 'Mul'),
  arithmetic('Maximum', 'Max'),
  arithmetic('Minimum', 'Min'),
  arithmetic('Pow', 'Pow'),
  binary('RealDiv', 'float32', (e) => e.finish('Div', [floating(e, e.input(0)), floating(e, e.input(1))])),
  binary('FloorDiv', 'int32', (e) => e.finish('Cast', [e.node('Floor', [quotient(e)])], castAttributes('int32'))),
  // The remainder takes the sign of the divisor.
  binary('Mod', 'same', (e) => {
    if (e.input(0).dtype !== 'float32') return e.finish('Mod', [numeric(e, e.input(0)), numeric(e, e.input(1))]);
    e.finish('Sub', [e.input(0).name, e.node('Mul', [e.node('Floor', [quotient(e)]), e.input(1).name])]);
  }),
  binary('Atan2', 'float32', angle),
  binary('SquaredDifference', 'same', (e) => {
    const difference = e.node('Sub', [numeric(e, e.input(0)), numeric(e, e.input(1))]);
    e.finish('Mul', [difference, difference]);
  }),
  binary('Prelu', 'float32', (e) => e.finish('PRelu', [floating(e, e.input(0)), floating(e, e.input(1))]), [
    'x',
    'alpha',
  ]),
  comparison('Equal', 'Equal'),
  binary('NotEqual', 'bool', (e) =>
    e.finish('Not', [e.node('Equal', [numeric(e, e.input(0)), numeric(e, e.input(1))])]),
  ),
  comparison('Greater', 'Greater'),
  comparison('GreaterEqual', 'GreaterOrEqual'),
  comparison('Less', 'Less'),
  comparison('LessEqual', 'LessOrEqual'),
  logical('LogicalAnd', 'And'),
  logical('LogicalOr', 'Or'),
  logical('LogicalXor', 'Xor'),
  defineOp({
    name: 'LogicalNot',
    inputs: ['x'],
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) => e.finish('Not', [e.input(0).name]),
  }),
  defineOp({
    name: 'AddN',
    inputs: 'list',
    infer: (inputs) => [at(inputs, 0)],
    emit: (e) => {
      // A chain of additions from the left: the sum does not depend on how a runtime orders a many-input node.
      const names = e.inputs.map((x) => x.name);
      const last = at(names, -1);
      const head = names.slice(1, -1).reduce((sum, name) => e.node('Add', [sum, name]), at(names, 0));
      if (names.length === 1) e.finish('Identity', [last]);
      else e.finish('Add', [head, last]);
    },
  }),
  defineOp({
    name: 'Select',
    inputs: ['condition', 't', 'e'],
    infer: (inputs) => [
      {
        shape: broadcastShapes(at(inputs, 0).shape, broadcastShapes(at(inputs, 1).shape, at(inputs, 2).shape)),
        dtype: at(inputs, 1).dtype,
      },
    ],
    emit: (e) => {
      const chosen = [e.input(0).name, numeric(e, e.input(1)), numeric(e, e.input(2))];
      if (e.output(0).dtype === 'bool') e.finish('Cast', [e.node('Where', chosen)], castAttributes('bool'));
      else e.finish('Where', chosen);
    },
  }),
];

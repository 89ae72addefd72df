// Elementwise ops of two tensors, with broadcasting. TensorFlow.js makes the two element types equal before the call.
import type { DType } from '../shape.js';
import { angle } from './angle.js';
import { defineOp, type EmitContext, type OpDefinition } from './definition.js';
import { castAttributes, floating, numeric } from './emit.js';
import { floorQuotient, remainder } from './remainder.js';
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

export const binaryOps: readonly OpDefinition[] = [
  arithmetic('Add', 'Add'),
  arithmetic('AddV2', 'Add'),
  arithmetic('Sub', 'Sub'),
  arithmetic('Multiply', 'Mul'),
  arithmetic('Maximum', 'Max'),
  arithmetic('Minimum', 'Min'),
  arithmetic('Pow', 'Pow'),
  binary('RealDiv', 'float32', (e) => e.finish('Div', [floating(e, e.input(0)), floating(e, e.input(1))])),
  binary('FloorDiv', 'int32', floorQuotient),
  binary('Mod', 'same', remainder),
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

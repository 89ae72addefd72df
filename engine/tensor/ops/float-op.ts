// FloatOp: an op of one tensor that is defined on floats only; other types are converted first. What it computes is its
// emitter's business.
import { defineOp, type EmitContext, type OpDefinition } from './definition.js';
import { floating } from './emit.js';
import { at } from './shapes.js';

/** `emit` is handed the name of the operand, a float32 tensor. */
export const floatOp = (name: string, emit: (e: EmitContext, x: string) => void): OpDefinition =>
  defineOp({
    name,
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'float32' }],
    emit: (e) => emit(e, floating(e, e.input(0))),
  });

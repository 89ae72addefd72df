// rounding: float32 to bfloat16 and back. A pass over the graph of a block puts these ops where docs/precision.md says;
// no model calls them.
import { defineOp, type OpDefinition } from '../ops/definition.js';
import { castAttributes } from '../ops/emit.js';
import { at } from '../ops/shapes.js';

/** Rounds to the nearest bfloat16, ties to even. */
export const ROUND = 'PtRound';
/** The float32 that a bfloat16 stands for. */
export const WIDEN = 'PtWiden';

export const roundingOps: readonly OpDefinition[] = [
  defineOp({
    name: ROUND,
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'bfloat16' }],
    emit: (e) => e.finish('Cast', [e.input(0).name], castAttributes('bfloat16')),
  }),
  defineOp({
    name: WIDEN,
    inputs: ['x'],
    infer: (inputs) => [{ shape: at(inputs, 0).shape, dtype: 'float32' }],
    emit: (e) => e.finish('Cast', [e.input(0).name], castAttributes('float32')),
  }),
];

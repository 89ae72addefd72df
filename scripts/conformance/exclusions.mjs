// The tests that fail on the eager backend for a reason, one by one. What follows from what a test asks for (an op
// without a definition, an element type, no backend at all) is decided in verdict.mjs and needs no entry. A rule that
// no failing test matches any more is an error.

const TIES =
  'wants all of the gradient, or none, for numbers equally large; pipetrain gives each a share, as PyTorch does';
const STEPS = 'wants the slope of a quotient that is not rounded down; the quotient of integers moves in steps';

/**
 * `name` is a part of the full name of the test.
 * @type {readonly import('./verdict.mjs').Rule[]}
 */
export const testRules = [
  {
    file: 'gradients_test.js',
    name: 'errors if relevant ops are missing grads',
    reason:
      'wants logicalAnd to have no gradient; pipetrain adds one, which is zero, so that masks can be ' +
      'computed inside of models',
  },
  {
    file: 'ops/exp_test.js',
    name: 'int32',
    reason:
      'wants exp(10) to 1e-3, where neighbouring 32-bit floats are 2e-3 apart; the result is one of the two ' +
      'neighbours of the true value',
  },
  {
    file: 'ops/tan_test.js',
    name: 'numbers exceed float32 precision',
    reason:
      'wants tan near its pole to 1e-3, where neighbouring 32-bit floats are 2e-3 apart; the result is one float away',
  },
  {
    file: 'ops/gather_test.js',
    name: 'throws when index is out of bound',
    reason: 'ONNX Runtime refuses the index 100 in words of its own, and takes -1 for the last row, as ONNX defines it',
  },
  { file: 'ops/arithmetic_test.js', name: 'gradient: Tensor1D with int32', reason: STEPS },
  { file: 'ops/arithmetic_test.js', name: 'gradient: 1d<int32> with 1d<bool>', reason: STEPS },
  { file: 'ops/binary_ops_test.js', name: 'gradients: Tensor1D', reason: TIES },
  { file: 'ops/binary_ops_test.js', name: 'gradients: Tensor2D', reason: TIES },
  { file: 'ops/max_test.js', name: 'max gradient: 1D, ties', reason: TIES },
  { file: 'ops/max_test.js', name: 'max gradient: ties', reason: TIES },
  { file: 'ops/min_test.js', name: 'min gradient: 1D, ties', reason: TIES },
  { file: 'ops/min_test.js', name: 'min gradient: ties', reason: TIES },
];

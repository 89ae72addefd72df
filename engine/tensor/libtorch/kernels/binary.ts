// Elementwise ops of two tensors, with broadcasting, and choices.
import type { Aten } from '../aten.js';
import { type Call, handleAt, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';
import { inDouble, leakyRelu } from './unary.js';

/** Booleans count as integers. */
const numericOp =
  (name: string): KernelMaker =>
  (aten, call) => {
    const operator = aten.op(name);
    return (x) => operator(call.numeric(x, 0), call.numeric(x, 1));
  };

const floatOp =
  (name: string): KernelMaker =>
  (aten, call) => {
    const operator = aten.op(name);
    return (x) => operator(call.floating(x, 0), call.floating(x, 1));
  };

const sameType =
  (name: string): KernelMaker =>
  (aten) => {
    const operator = aten.op(name);
    return (x) => operator(handleAt(x, 0), handleAt(x, 1));
  };

const isFloat = (call: Call): boolean => call.input(0).dtype === 'float32';

/**
 * a + sign b, of which libtorch takes no integers: those are whole numbers of 64-bit floats, and wrap around as such.
 */
function sum(aten: Aten, isFloats: boolean, a: Handle, b: Handle, sign: 1 | -1): Handle {
  if (isFloats) return aten.add(a, b, sign);
  const wide = aten.add(aten.cast(a, 'float64'), aten.cast(b, 'float64'), sign);
  return aten.cast(aten.cast(wide, 'int64'), 'int32');
}

const additive =
  (sign: 1 | -1): KernelMaker =>
  (aten, call) => {
    const isFloats = isFloat(call);
    return (x) => sum(aten, isFloats, call.numeric(x, 0), call.numeric(x, 1), sign);
  };

/** b with 1 where it is 0: an integer divided by 0 ends the process. */
const divisor = (aten: Aten, b: Handle): Handle =>
  aten.op('where.self')(aten.op('eq.Tensor')(b, aten.number(0, 'int32')), aten.number(1, 'int32'), b);

/** The quotient rounded down. Of integers by way of 64-bit floats, which hold them and their quotients well enough. */
const floorDiv: KernelMaker = (aten, call) => {
  const divide = aten.op('div.Tensor_mode');
  if (isFloat(call)) return (x) => aten.cast(divide(handleAt(x, 0), handleAt(x, 1), 'floor'), 'int32');
  return (x) => {
    const [a, b] = [call.numeric(x, 0), call.numeric(x, 1)];
    const quotient = divide(aten.cast(a, 'float64'), aten.cast(divisor(aten, b), 'float64'), 'floor');
    const isZero = aten.op('eq.Tensor')(b, aten.number(0, 'int32'));
    return aten.op('where.self')(isZero, aten.number(0, 'int32'), aten.cast(aten.cast(quotient, 'int64'), 'int32'));
  };
};

/** The remainder with the sign of the divisor; 0 for an integer divided by 0. */
const mod: KernelMaker = (aten, call) => {
  const remainder = aten.op('remainder.Tensor');
  // Of 32-bit floats it is none where the quotient is large.
  if (isFloat(call)) return (x) => inDouble(aten, remainder, [handleAt(x, 0), handleAt(x, 1)]);
  return (x) => {
    const [a, b] = [call.numeric(x, 0), divisor(aten, call.numeric(x, 1))];
    return aten.cast(remainder(aten.cast(a, 'float64'), aten.cast(b, 'float64')), 'int32');
  };
};

const power: KernelMaker = (aten, call) => {
  const operator = aten.op('pow.Tensor_Tensor');
  if (isFloat(call)) return (x) => inDouble(aten, operator, [handleAt(x, 0), handleAt(x, 1)]);
  return (x) => operator(call.numeric(x, 0), call.numeric(x, 1));
};

export const binaryKernels: KernelTable = {
  Add: additive(1),
  AddV2: additive(1),
  Sub: additive(-1),
  Multiply: numericOp('mul.Tensor'),
  Maximum: numericOp('maximum'),
  Minimum: numericOp('minimum'),
  Pow: power,
  RealDiv: floatOp('div.Tensor'),
  Atan2: (aten, call) => (x) => inDouble(aten, aten.op('atan2'), [call.floating(x, 0), call.floating(x, 1)]),
  FloorDiv: floorDiv,
  Mod: mod,
  SquaredDifference: (aten, call) => {
    const isFloats = isFloat(call);
    return (x) => {
      const difference = sum(aten, isFloats, call.numeric(x, 0), call.numeric(x, 1), -1);
      return aten.op('mul.Tensor')(difference, difference);
    };
  },
  Prelu: (aten, call) => (x) => leakyRelu(aten, call.floating(x, 0), call.floating(x, 1)),
  Equal: numericOp('eq.Tensor'),
  NotEqual: numericOp('ne.Tensor'),
  Greater: numericOp('gt.Tensor'),
  GreaterEqual: numericOp('ge.Tensor'),
  Less: numericOp('lt.Tensor'),
  LessEqual: numericOp('le.Tensor'),
  LogicalAnd: sameType('logical_and'),
  LogicalOr: sameType('logical_or'),
  LogicalXor: sameType('logical_xor'),
  LogicalNot: (aten) => (x) => aten.op('logical_not')(handleAt(x, 0)),
  // From the left, one after the other: an order that is always the same.
  AddN: (aten, call) => {
    const isFloats = isFloat(call);
    return (inputs) => inputs.slice(1).reduce((total, x) => sum(aten, isFloats, total, x, 1), handleAt(inputs, 0));
  },
  Select: (aten) => (x) => aten.op('where.self')(handleAt(x, 0), handleAt(x, 1), handleAt(x, 2)),
};

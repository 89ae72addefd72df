// Remainder: Mod and FloorDiv, as Python has them: the quotient is rounded down, the remainder has the sign of the
// divisor and is exact. An integer divided by 0 has the quotient 0 and the remainder 0, as in TensorFlow.js; the
// processor would end the process.
import type { EmitContext } from './definition.js';
import { cast, castAttributes, numeric, scalar } from './emit.js';

interface Operands {
  readonly a: string;
  readonly b: string;
}

interface FloatRest {
  /** What fmod leaves, with the sign of the dividend. */
  readonly rest: string;
  /** Whether one more divisor gives it the sign of the divisor. */
  readonly isTurned: string;
}

function floatRest(e: EmitContext, { a, b }: Operands): FloatRest {
  const zero = scalar(e, 'float32', 0);
  const rest = e.node('Mod', [a, b], { fmod: 1 });
  const isOther = e.node('Xor', [e.node('Less', [rest, zero]), e.node('Less', [b, zero])]);
  return { rest, isTurned: e.node('And', [isOther, e.node('Not', [e.node('Equal', [rest, zero])])]) };
}

/** Integers whose division the processor can do: by 1 where it could not, and whether it could not. */
function safeDivisor(e: EmitContext, b: string): { readonly divisor: string; readonly isZero: string } {
  const isZero = e.node('Equal', [b, scalar(e, 'int32', 0)]);
  // The smallest integer divided by -1 is none; by -1 and by 1 nothing is left over.
  const isOdd = e.node('Or', [isZero, e.node('Equal', [b, scalar(e, 'int32', -1)])]);
  return { divisor: e.node('Where', [isOdd, scalar(e, 'int32', 1), b]), isZero };
}

export function remainder(e: EmitContext): void {
  const [a, b] = [numeric(e, e.input(0)), numeric(e, e.input(1))];
  if (e.output(0).dtype !== 'float32') return e.finish('Mod', [a, safeDivisor(e, b).divisor]);
  const { rest, isTurned } = floatRest(e, { a, b });
  e.finish('Where', [isTurned, e.node('Add', [rest, b]), rest]);
}

function floatQuotient(e: EmitContext, { a, b }: Operands): string {
  const { rest, isTurned } = floatRest(e, { a, b });
  // Without the rest the quotient is whole but for rounding; a / b itself may be rounded up to a whole number.
  const whole = e.node('Round', [e.node('Div', [e.node('Sub', [a, rest]), b])]);
  return e.node('Sub', [whole, cast(e, isTurned, 'float32')]);
}

export function floorQuotient(e: EmitContext): void {
  if (e.input(0).dtype === 'float32')
    return e.finish('Cast', [floatQuotient(e, { a: e.input(0).name, b: e.input(1).name })], castAttributes('int32'));
  const [a, b] = [numeric(e, e.input(0)), numeric(e, e.input(1))];
  const { divisor, isZero } = safeDivisor(e, b);
  const whole = e.node('Sub', [a, e.node('Mod', [a, divisor])]);
  const isNegated = e.node('Equal', [b, scalar(e, 'int32', -1)]);
  const quotient = e.node('Where', [isNegated, e.node('Neg', [a]), e.node('Div', [whole, divisor])]);
  e.finish('Where', [isZero, scalar(e, 'int32', 0), quotient]);
}

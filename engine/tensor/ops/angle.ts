// Angle: the direction of the point (x, y), for Atan2 with the inputs y and x, in all four quadrants and on their
// borders, with the signs that IEEE 754 has for zeros and infinities.
import type { EmitContext, NodeWriter } from './definition.js';
import { floating, scalar } from './emit.js';
import { emitAtan } from './transcendental.js';

const number = (e: NodeWriter, value: number): string => scalar(e, 'float32', value);

/** Below zero, or -0. */
const isNegative = (e: NodeWriter, x: string): string => {
  const [isBelow, isReciprocalBelow] = [x, e.node('Reciprocal', [x])].map((value) =>
    e.node('Less', [value, number(e, 0)]),
  ) as [string, string];
  return e.node('Or', [isBelow, isReciprocalBelow]);
};

/** The arc tangent of |y| / |x|, then mirrored where x is negative, then where y is. */
export function angle(e: EmitContext): void {
  const [y, x] = [floating(e, e.input(0)), floating(e, e.input(1))];
  const [height, width] = [e.node('Abs', [y]), e.node('Abs', [x])];
  // Two zeros, or two infinities, have no quotient: the angle is 0 in one case and half of a right angle in the other.
  const isAlike = e.node('Equal', [height, width]);
  const isZero = e.node('Equal', [height, number(e, 0)]);
  const alike = e.node('Where', [isZero, number(e, 0), number(e, 1)]);
  const slope = e.node('Where', [isAlike, alike, e.node('Div', [height, width])]);
  const sharp = emitAtan(e, slope);
  const blunt = e.node('Where', [isNegative(e, x), e.node('Sub', [number(e, Math.PI), sharp]), sharp]);
  e.finish('Where', [isNegative(e, y), e.node('Neg', [blunt]), blunt]);
}

// Vitest, the part of it that tests of kernels call: its own runner and its own `expect`, without the processes, the
// transforms and the watching around them, which take minutes by emulated instructions. Test files are bundled with
// this module in place of 'vitest'.
import {
  addCustomEqualityTesters,
  ASYMMETRIC_MATCHERS_OBJECT,
  ChaiStyleAssertions,
  getState,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import * as chai from 'chai';

for (const plugin of [JestExtend, JestChaiExpect, ChaiStyleAssertions, JestAsymmetricMatchers]) chai.use(plugin);

/**
 * @param {unknown} value
 * @param {string} [message]
 */
function check(value, message) {
  setState({ assertionCalls: getState(expect).assertionCalls + 1 }, expect);
  return chai.expect(value, message);
}

const globals = /** @type {Record<symbol, object>} */ (/** @type {unknown} */ (globalThis));
export const expect = /** @type {import('@vitest/expect').ExpectStatic} */ (
  Object.assign(check, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT])
);
setState({ assertionCalls: 0, isExpectingAssertions: false }, expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });

/**
 * The answer for numbers that are all the same, which the general comparison takes thousands of instructions each for;
 * none for others.
 * @param {unknown} a
 * @param {unknown} b
 */
function areSameNumbers(a, b) {
  const areLists =
    (Array.isArray(a) && Array.isArray(b)) ||
    (a instanceof Float32Array && b instanceof Float32Array) ||
    (a instanceof Uint16Array && b instanceof Uint16Array);
  if (!areLists || a.length !== b.length) return undefined;
  for (let i = 0; i < a.length; i++) if (typeof a[i] !== 'number' || !Object.is(a[i], b[i])) return undefined;
  return true;
}
addCustomEqualityTesters([areSameNumbers]);

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, suite, test } from '@vitest/runner';

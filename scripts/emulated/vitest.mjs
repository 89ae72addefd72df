// Vitest, the part of it that tests of kernels call: its own runner and its own `expect`, without the processes, the
// transforms and the watching around them, which take minutes by emulated instructions. Test files are bundled with this
// module in place of 'vitest'.
import {
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

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, suite, test } from '@vitest/runner';

// The part of the Jasmine interface that the tests inside TensorFlow.js use: suites, specs, hooks, expectations and
// spies, run one after the other. Whatever is not here is missing loudly: a matcher that does not exist is a TypeError
// and fails its test.
import { isDeepStrictEqual } from 'node:util';

const SPEC_TIMEOUT_MS = 20_000;

/** @typedef {(value: unknown) => boolean} AsymmetricMatch */
/** @typedef {(done: unknown) => unknown} TestFunction A test or a hook; `done` is for those that ask for it. */
/** @typedef {new (...args: never[]) => unknown} Constructor */

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {Suite | null} parent
 * @property {{ name: string, fn: TestFunction | null }[]} specs
 * @property {Suite[]} suites
 * @property {TestFunction[]} before
 * @property {TestFunction[]} after
 * @property {TestFunction[]} beforeEach
 * @property {TestFunction[]} afterEach
 */

/** @typedef {{ object: unknown, args: unknown[], returnValue: unknown }} Call */
/** @typedef {{ count: () => number, all: () => Call[] }} Calls What a spy knows of its calls. */

/**
 * A suite without anything in it.
 * @param {string} name
 * @param {Suite | null} parent
 * @returns {Suite}
 */
const emptySuite = (name, parent) => ({
  name,
  parent,
  specs: [],
  suites: [],
  before: [],
  after: [],
  beforeEach: [],
  afterEach: [],
});

/**
 * Equal in value; an object with `asymmetricMatch` decides for itself.
 * @param {unknown} actual
 * @param {unknown} expected
 */
function equals(actual, expected) {
  if (typeof expected === 'object' && expected !== null && 'asymmetricMatch' in expected)
    return /** @type {{ asymmetricMatch: AsymmetricMatch }} */ (expected).asymmetricMatch(actual);
  return isDeepStrictEqual(actual, expected);
}

/** @param {unknown} value @returns {string} */
const show = (value) => {
  try {
    const text =
      typeof value === 'function'
        ? value.name
        : value instanceof RegExp
          ? String(value)
          : /** @type {string | undefined} */ (JSON.stringify(value));
    return text === undefined ? String(value) : text.slice(0, 200);
  } catch {
    return String(value);
  }
};

/**
 * Whether what was thrown is what `toThrowError(...wanted)` asks for.
 * @param {unknown} thrown
 * @param {readonly unknown[]} wanted
 */
function isError(thrown, wanted) {
  if (!(thrown instanceof Error)) return false;
  const type = /** @type {Constructor | undefined} */ (wanted.find((w) => typeof w === 'function'));
  const message = wanted.find((w) => typeof w === 'string' || w instanceof RegExp);
  if (type !== undefined && !(thrown instanceof type)) return false;
  return (
    message === undefined || (message instanceof RegExp ? message.test(thrown.message) : thrown.message === message)
  );
}

/** @param {unknown} call */
function outcome(call) {
  try {
    /** @type {() => unknown} */ (call)();
    return { threw: false, thrown: undefined };
  } catch (thrown) {
    return { threw: true, thrown };
  }
}

/** @typedef {(actual: unknown, ...expected: unknown[]) => boolean} Matcher */

const callsOf = (/** @type {unknown} */ spy) => /** @type {{ calls: Calls }} */ (spy).calls;

/** @type {Readonly<Record<string, Matcher>>} */
const matchers = {
  toBe: (a, e) => Object.is(a, e) || a === e,
  toEqual: equals,
  toBeNull: (a) => a === null,
  toBeUndefined: (a) => a === undefined,
  toBeDefined: (a) => a !== undefined,
  toBeTruthy: (a) => Boolean(a),
  toBeFalsy: (a) => !a,
  toBeTrue: (a) => a === true,
  toBeFalse: (a) => a === false,
  toBeNaN: (a) => Number.isNaN(a),
  toBeLessThan: (a, e) => Number(a) < Number(e),
  toBeLessThanOrEqual: (a, e) => Number(a) <= Number(e),
  toBeGreaterThan: (a, e) => Number(a) > Number(e),
  toBeGreaterThanOrEqual: (a, e) => Number(a) >= Number(e),
  toBeCloseTo: (a, e, digits = 2) => a === e || Math.abs(Number(e) - Number(a)) < 10 ** -Number(digits) / 2,
  toBeInstanceOf: (a, e) => a instanceof /** @type {Constructor} */ (e),
  toContain: (a, e) =>
    typeof a === 'string'
      ? a.includes(String(e))
      : [.../** @type {Iterable<unknown>} */ (a)].some((item) => equals(item, e)),
  toMatch: (a, e) => (e instanceof RegExp ? e.test(String(a)) : String(a).includes(String(e))),
  toThrow: (a, ...wanted) => {
    const { threw, thrown } = outcome(a);
    return threw && (wanted.length === 0 || equals(thrown, wanted[0]));
  },
  toThrowError: (a, ...wanted) => isError(outcome(a).thrown, wanted),
  toHaveBeenCalled: (a) => callsOf(a).count() > 0,
  toHaveBeenCalledTimes: (a, n) => callsOf(a).count() === n,
  toHaveBeenCalledWith: (a, ...args) =>
    callsOf(a)
      .all()
      .some((call) => equals(call.args, args)),
};

/**
 * Told of a test that begins; returns what is told of its failures, null where it is switched off.
 * @typedef {(names: string[]) => (failures: string[] | null) => void} OnSpec
 */

/** A runner with a global interface of its own; `install` puts it where the tests look for it. */
export class SpecRunner {
  #suite = emptySuite('', null);
  /** @type {string[]} */
  #failures = [];
  /** @type {(() => void)[]} */
  #restore = [];

  /**
   * @param {string} name
   * @param {() => void} define
   */
  #suiteOf(name, define) {
    const outer = this.#suite;
    const suite = emptySuite(name, outer);
    this.#suite.suites.push(suite);
    this.#suite = suite;
    try {
      define();
    } finally {
      this.#suite = outer;
    }
  }

  /**
   * @param {unknown} actual
   * @returns {Record<string, unknown>}
   */
  #expect(actual, isNegated = false) {
    /** @type {(name: string, holds: boolean, args: unknown[]) => void} */
    const check = (name, holds, args) => {
      if (holds === isNegated)
        this.#failures.push(
          `expected ${show(actual)} ` +
            `${isNegated ? 'not ' : ''}${name}${args.length > 0 ? ` ${args.map(show).join(', ')}` : ''}`,
        );
    };
    /** @type {Record<string, unknown>} */
    const bound = {};
    for (const [name, test] of Object.entries(matchers))
      bound[name] = (/** @type {unknown[]} */ ...args) => check(name, test(actual, ...args), args);
    return {
      ...bound,
      nothing: () => undefined,
      ...(isNegated ? {} : { not: this.#expect(actual, true) }),
    };
  }

  /** @param {unknown} promise */
  #expectAsync(promise) {
    return {
      toBeRejectedWithError: async (/** @type {unknown[]} */ ...wanted) => {
        const thrown = await Promise.resolve(promise).then(
          () => undefined,
          (/** @type {unknown} */ error) => error,
        );
        if (!isError(thrown, wanted))
          this.#failures.push(`expected a rejection with ${wanted.map(show).join(', ')}, got ${String(thrown)}`);
      },
    };
  }

  /**
   * @param {Record<string, unknown>} target
   * @param {string} name
   */
  #spyOn(target, name) {
    /** @typedef {(this: unknown, ...args: unknown[]) => unknown} Answer */
    const original = /** @type {Answer} */ (target[name]);
    /** @type {Call[]} */
    const calls = [];
    /** @type {Answer} */
    let answer = () => undefined;
    /** @type {Answer} */
    const record = function (...args) {
      /** @type {Call} */
      const call = { object: this, args, returnValue: undefined };
      calls.push(call);
      call.returnValue = answer.apply(this, args);
      return call.returnValue;
    };
    const answered = (/** @type {Answer} */ next) => {
      answer = next;
      return spy;
    };
    const spy = Object.assign(record, {
      and: {
        callThrough: () => answered(original),
        callFake: (/** @type {Answer} */ fake) => answered(fake),
        returnValue: (/** @type {unknown} */ value) => answered(() => value),
      },
      calls: { count: () => calls.length, all: () => calls, first: () => calls[0], mostRecent: () => calls.at(-1) },
    });
    const descriptor = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value: spy, configurable: true, writable: true });
    this.#restore.push(() => {
      if (descriptor === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, descriptor);
    });
    return spy;
  }

  /** Makes `describe`, `it`, `expect` and the rest global. */
  install() {
    const hook =
      (/** @type {'before' | 'after' | 'beforeEach' | 'afterEach'} */ list) => (/** @type {TestFunction} */ fn) =>
        this.#suite[list].push(fn);
    Object.assign(globalThis, {
      describe: (/** @type {string} */ name, /** @type {() => void} */ define) => this.#suiteOf(name, define),
      xdescribe: () => undefined,
      it: (/** @type {string} */ name, /** @type {TestFunction} */ fn) => this.#suite.specs.push({ name, fn }),
      xit: (/** @type {string} */ name) => this.#suite.specs.push({ name, fn: null }),
      beforeAll: hook('before'),
      afterAll: hook('after'),
      beforeEach: hook('beforeEach'),
      afterEach: hook('afterEach'),
      expect: (/** @type {unknown} */ actual) => this.#expect(actual),
      expectAsync: (/** @type {unknown} */ promise) => this.#expectAsync(promise),
      spyOn: (/** @type {Record<string, unknown>} */ target, /** @type {string} */ name) => this.#spyOn(target, name),
      fail: (/** @type {unknown} */ message) => this.#failures.push(show(message ?? 'fail()')),
      jasmine: {
        DEFAULT_TIMEOUT_INTERVAL: SPEC_TIMEOUT_MS,
        arrayWithExactContents: (/** @type {unknown[]} */ items) => ({
          asymmetricMatch: (/** @type {unknown[]} */ actual) =>
            actual.length === items.length && items.every((item) => actual.some((other) => equals(other, item))),
        }),
      },
    });
  }

  /**
   * Runs what was described since the last call; `onSpec(names)` returns a function that receives the failures (null:
   * switched off).
   * @param {OnSpec} onSpec
   */
  async run(onSpec) {
    const suite = this.#suite;
    this.#suite = emptySuite(suite.name, suite.parent);
    await this.#runSuite(suite, [], onSpec);
  }

  /**
   * @param {Suite} suite
   * @param {readonly string[]} path
   * @param {OnSpec} onSpec
   */
  async #runSuite(suite, path, onSpec) {
    const names = suite.name === '' ? path : [...path, suite.name];
    for (const hook of suite.before) await call(hook);
    // A spy of `beforeAll` stays for the suite, one of a spec for the spec.
    const restores = this.#restore.splice(0);
    for (const { name, fn } of suite.specs) {
      const report = onSpec([...names, name]);
      report(fn === null ? null : await this.#runSpec(suite, fn));
    }
    for (const inner of suite.suites) await this.#runSuite(inner, names, onSpec);
    for (const hook of suite.after) await call(hook);
    for (const restore of restores.reverse()) restore();
  }

  /**
   * @param {Suite} suite
   * @param {TestFunction} fn
   */
  async #runSpec(suite, fn) {
    this.#failures = [];
    /** @type {Suite[]} */
    const chain = [];
    for (let s = /** @type {Suite | null} */ (suite); s !== null; s = s.parent) chain.unshift(s);
    const attempt = async (/** @type {TestFunction} */ f) => {
      try {
        await call(f);
      } catch (error) {
        this.#failures.push(error instanceof Error ? error.message : String(error));
      }
    };
    for (const s of chain) for (const hook of s.beforeEach) await attempt(hook);
    await attempt(fn);
    for (const s of chain.reverse()) for (const hook of s.afterEach) await attempt(hook);
    for (const restore of this.#restore.splice(0).reverse()) restore();
    return this.#failures;
  }
}

/**
 * Calls a function of a test and waits for it: for its promise, or for `done` where it takes that.
 * @param {TestFunction} fn
 */
function call(fn) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<unknown>} */
  const finished = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${SPEC_TIMEOUT_MS / 1000} s`)), SPEC_TIMEOUT_MS);
    const done = Object.assign(() => resolve(undefined), {
      fail: (/** @type {unknown} */ message) => reject(new Error(show(message ?? 'done.fail()'))),
    });
    if (fn.length > 0) fn(done);
    else Promise.resolve(fn(undefined)).then(resolve, reject);
  });
  return finished.finally(() => clearTimeout(timer));
}

// The part of the Jasmine interface that the tests inside TensorFlow.js use: suites, specs, hooks, expectations and
// spies, run one after the other. Whatever is not here is missing loudly: a matcher that does not exist is a TypeError
// and fails its test.
import { isDeepStrictEqual } from 'node:util';

const SPEC_TIMEOUT_MS = 20_000;

/** Equal in value; an object with `asymmetricMatch` decides for itself. */
const equals = (actual, expected) =>
  typeof expected?.asymmetricMatch === 'function'
    ? expected.asymmetricMatch(actual)
    : isDeepStrictEqual(actual, expected);

const show = (value) => {
  try {
    const text =
      typeof value === 'function' ? value.name : value instanceof RegExp ? String(value) : JSON.stringify(value);
    return text === undefined ? String(value) : text.slice(0, 200);
  } catch {
    return String(value);
  }
};

/** Whether what was thrown is what `toThrowError(...wanted)` asks for. */
function isError(thrown, wanted) {
  if (!(thrown instanceof Error)) return false;
  const type = wanted.find((w) => typeof w === 'function');
  const message = wanted.find((w) => typeof w === 'string' || w instanceof RegExp);
  if (type !== undefined && !(thrown instanceof type)) return false;
  return (
    message === undefined || (message instanceof RegExp ? message.test(thrown.message) : thrown.message === message)
  );
}

function outcome(call) {
  try {
    call();
    return { threw: false };
  } catch (thrown) {
    return { threw: true, thrown };
  }
}

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
  toBeLessThan: (a, e) => a < e,
  toBeLessThanOrEqual: (a, e) => a <= e,
  toBeGreaterThan: (a, e) => a > e,
  toBeGreaterThanOrEqual: (a, e) => a >= e,
  toBeCloseTo: (a, e, digits = 2) => a === e || Math.abs(e - a) < 10 ** -digits / 2,
  toBeInstanceOf: (a, e) => a instanceof e,
  toContain: (a, e) => (typeof a === 'string' ? a.includes(e) : [...a].some((item) => equals(item, e))),
  toMatch: (a, e) => (e instanceof RegExp ? e.test(a) : a.includes(e)),
  toThrow: (a, ...wanted) => {
    const { threw, thrown } = outcome(a);
    return threw && (wanted.length === 0 || equals(thrown, wanted[0]));
  },
  toThrowError: (a, ...wanted) => isError(outcome(a).thrown, wanted),
  toHaveBeenCalled: (a) => a.calls.count() > 0,
  toHaveBeenCalledTimes: (a, n) => a.calls.count() === n,
  toHaveBeenCalledWith: (a, ...args) => a.calls.all().some((call) => equals(call.args, args)),
};

/** A runner with a global interface of its own; `install` puts it where the tests look for it. */
export class SpecRunner {
  #suite = { name: '', parent: null, specs: [], suites: [], before: [], after: [], beforeEach: [], afterEach: [] };
  #failures = [];
  #restore = [];

  #suiteOf(name, define) {
    const suite = {
      name,
      parent: this.#suite,
      specs: [],
      suites: [],
      before: [],
      after: [],
      beforeEach: [],
      afterEach: [],
    };
    this.#suite.suites.push(suite);
    this.#suite = suite;
    try {
      define();
    } finally {
      this.#suite = suite.parent;
    }
  }

  #expect(actual, isNegated = false) {
    const check = (name, holds, args) => {
      if (holds === isNegated)
        this.#failures.push(
          `expected ${show(actual)} ` +
            `${isNegated ? 'not ' : ''}${name}${args.length > 0 ? ` ${args.map(show).join(', ')}` : ''}`,
        );
    };
    const bound = Object.entries(matchers).map(([name, test]) => [
      name,
      (...args) => check(name, test(actual, ...args), args),
    ]);
    return {
      ...Object.fromEntries(bound),
      nothing: () => undefined,
      ...(isNegated ? {} : { not: this.#expect(actual, true) }),
    };
  }

  #expectAsync(promise) {
    return {
      toBeRejectedWithError: async (...wanted) => {
        const thrown = await Promise.resolve(promise).then(
          () => undefined,
          (error) => error,
        );
        if (!isError(thrown, wanted))
          this.#failures.push(`expected a rejection with ${wanted.map(show).join(', ')}, got ${String(thrown)}`);
      },
    };
  }

  #spyOn(target, name) {
    const original = target[name];
    const calls = [];
    let answer = () => undefined;
    const spy = function (...args) {
      const call = { object: this, args, returnValue: undefined };
      calls.push(call);
      call.returnValue = answer.apply(this, args);
      return call.returnValue;
    };
    const answered = (next) => ((answer = next), spy);
    spy.and = {
      callThrough: () => answered(original),
      callFake: (fake) => answered(fake),
      returnValue: (value) => answered(() => value),
    };
    spy.calls = { count: () => calls.length, all: () => calls, first: () => calls[0], mostRecent: () => calls.at(-1) };
    const descriptor = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value: spy, configurable: true, writable: true });
    this.#restore.push(() =>
      descriptor === undefined ? delete target[name] : Object.defineProperty(target, name, descriptor),
    );
    return spy;
  }

  /** Makes `describe`, `it`, `expect` and the rest global. */
  install() {
    const hook = (list) => (fn) => this.#suite[list].push(fn);
    Object.assign(globalThis, {
      describe: (name, define) => this.#suiteOf(name, define),
      xdescribe: () => undefined,
      it: (name, fn) => this.#suite.specs.push({ name, fn }),
      xit: (name) => this.#suite.specs.push({ name, fn: null }),
      beforeAll: hook('before'),
      afterAll: hook('after'),
      beforeEach: hook('beforeEach'),
      afterEach: hook('afterEach'),
      expect: (actual) => this.#expect(actual),
      expectAsync: (promise) => this.#expectAsync(promise),
      spyOn: (target, name) => this.#spyOn(target, name),
      fail: (message) => this.#failures.push(String(message ?? 'fail()')),
      jasmine: {
        DEFAULT_TIMEOUT_INTERVAL: SPEC_TIMEOUT_MS,
        arrayWithExactContents: (items) => ({
          asymmetricMatch: (actual) =>
            actual.length === items.length && items.every((item) => actual.some((other) => equals(other, item))),
        }),
      },
    });
  }

  /**
   * Runs what was described since the last call; `onSpec(names)` returns a function that receives the failures (null:
   * switched off).
   */
  async run(onSpec) {
    const suite = this.#suite;
    this.#suite = { ...suite, specs: [], suites: [], before: [], after: [], beforeEach: [], afterEach: [] };
    await this.#runSuite(suite, [], onSpec);
  }

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

  async #runSpec(suite, fn) {
    this.#failures = [];
    const chain = [];
    for (let s = suite; s !== null; s = s.parent) chain.unshift(s);
    const attempt = async (f) => {
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

/** Calls a function of a test and waits for it: for its promise, or for `done` where it takes that. */
function call(fn) {
  let timer;
  const finished = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${SPEC_TIMEOUT_MS / 1000} s`)), SPEC_TIMEOUT_MS);
    const done = Object.assign(() => resolve(), {
      fail: (message) => reject(new Error(String(message ?? 'done.fail()'))),
    });
    if (fn.length > 0) fn(done);
    else Promise.resolve(fn()).then(resolve, reject);
  });
  return finished.finally(() => clearTimeout(timer));
}

// Watches what a test asks of the backend: the ops it calls, those that do not exist, the element types it brings.

const SUPPORTED = ['float32', 'int32', 'bool'];

/**
 * What a test did: the ops it called, those that do not exist, foreign element types, methods of the backend.
 * @typedef {Record<'ops' | 'undefinedOps' | 'dtypes' | 'touched', Set<string>>} Seen
 */

/** @typedef {import('./bundle.mjs').Suites} Suites */

/** @returns {Seen} */
const nothing = () => ({ ops: new Set(), undefinedOps: new Set(), dtypes: new Set(), touched: new Set() });

export class Observer {
  #events = nothing();

  /**
   * `tf` has the eager backend active already.
   * @param {Suites['tf']} tf
   * @param {Suites['opTable']} opTable
   */
  constructor(tf, opTable) {
    const backend = /** @type {Record<string, (...args: unknown[]) => unknown>} */ (
      /** @type {unknown} */ (tf.engine().backend)
    );
    for (const config of tf.getKernelsForBackend(tf.engine().backendName)) {
      const { kernelName, kernelFunc } = config;
      const kind = opTable.has(kernelName) ? 'ops' : 'undefinedOps';
      config.kernelFunc = (call) => {
        this.#events[kind].add(kernelName);
        this.#noteType(call.attrs?.dtype);
        return kernelFunc(call);
      };
    }
    for (const method of ['write', 'move']) {
      const original = backend[method]?.bind(backend);
      backend[method] = (...args) => {
        this.#events.touched.add(method);
        // Both take the element type as their third argument.
        this.#noteType(args[2]);
        return original?.(...args);
      };
    }
  }

  /** @param {unknown} dtype */
  #noteType(dtype) {
    if (typeof dtype === 'string' && !SUPPORTED.includes(dtype)) this.#events.dtypes.add(dtype);
  }

  /** Forgets what was seen: a test begins. */
  start() {
    this.#events = nothing();
  }

  /** What the test did so far. */
  events() {
    return this.#events;
  }
}

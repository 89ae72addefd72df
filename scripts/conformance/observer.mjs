// Watches what a test asks of the backend: the ops it calls, those that do not exist, the element types it brings.

const SUPPORTED = ['float32', 'int32', 'bool'];

export class Observer {
  #events = null;

  /** `tf` has the eager backend active already. */
  constructor(tf, opTable) {
    const backend = tf.engine().backend;
    for (const config of tf.getKernelsForBackend(tf.engine().backendName)) {
      const { kernelName, kernelFunc } = config;
      const kind = opTable.has(kernelName) ? 'ops' : 'undefinedOps';
      config.kernelFunc = (call) => {
        this.#events?.[kind].add(kernelName);
        this.#noteType(call.attrs?.dtype);
        return kernelFunc(call);
      };
    }
    for (const [method, position] of [
      ['write', 2],
      ['move', 2],
    ]) {
      const original = backend[method].bind(backend);
      backend[method] = (...args) => {
        this.#events?.touched.add(method);
        this.#noteType(args[position]);
        return original(...args);
      };
    }
  }

  #noteType(dtype) {
    if (typeof dtype === 'string' && !SUPPORTED.includes(dtype)) this.#events?.dtypes.add(dtype);
  }

  /** Forgets what was seen: a test begins. */
  start() {
    this.#events = { ops: new Set(), undefinedOps: new Set(), dtypes: new Set(), touched: new Set() };
  }

  /** What the test did so far. */
  events() {
    return this.#events;
  }
}

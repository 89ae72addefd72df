// Registration of the gradients of our own ops with TensorFlow.js' autodiff. A gradient is a map from input name to a
// function, so that what nobody asks for is never computed.
import type { Attrs } from '../graph.js';
import { at } from '../ops/shapes.js';
import { engine, getGradient, type GradConfig, registerGradient, type Tensor } from '../tf.js';

/** Runs one of the kernels of the op table, with autodiff. */
export function runOp(name: string, inputs: Readonly<Record<string, Tensor>>, attrs: Attrs = {}): Tensor[] {
  const result = engine().runKernel<Tensor | Tensor[]>(name, inputs, attrs as Parameters<Engine['runKernel']>[2]);
  return Array.isArray(result) ? result : [result];
}

type Engine = ReturnType<typeof engine>;

/** As `runOp`, for ops with one output. */
export const runOne = (name: string, inputs: Readonly<Record<string, Tensor>>, attrs: Attrs = {}): Tensor =>
  at(runOp(name, inputs, attrs), 0);

/** The gradient of the first output; further outputs are by-products for the backward and have none. */
export const firstOf = (dy: Tensor | Tensor[]): Tensor => (Array.isArray(dy) ? at(dy, 0) : dy);

/** Tells autodiff about a gradient; once is enough for the life of the process. */
export function defineGradient(config: GradConfig): void {
  if (getGradient(config.kernelName) == null) registerGradient(config);
}

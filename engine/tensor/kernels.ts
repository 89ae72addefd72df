// Registration of the op table as kernels of a TensorFlow.js backend, and of a plain refusal for every other kernel
// that TensorFlow.js knows. What a kernel does is the backend's business.
import { ModelError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { Attrs } from './graph.js';
import type { OpDefinition } from './ops/definition.js';
import { opTable } from './ops/table.js';
import * as tf from './tf.js';

/** A TensorFlow.js backend that runs every op in one way. */
export interface OpBackend {
  runOp(definition: OpDefinition, inputs: readonly tf.TensorInfo[], attrs: Attrs): readonly tf.TensorInfo[];
  /** What the op was called in, for the message about an op that does not exist. */
  readonly where: string;
}

/** Thrown for ops without a definition; names the op, the place and the ops there are. */
export function undefinedOp(op: string, where: string): ModelError {
  return new ModelError(
    'PT_OP_UNDEFINED',
    `${where} uses the op ${op}, which pipetrain does not define`,
    `Write it with the ops that exist: ${[...opTable.keys()]
      .filter((name) => !name.startsWith('Pt'))
      .sort()
      .join(', ')}; or with the functions of nn.`,
  );
}

/** The tensors of a call, in the order of the definition. */
function ordered(
  definition: OpDefinition,
  inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
): tf.TensorInfo[] {
  const names = definition.inputs === 'list' ? Object.keys(inputs) : definition.inputs;
  return names.flatMap((name) => {
    const tensor = inputs[name.replace('?', '')];
    invariant(tensor !== undefined || name.endsWith('?'), () => `op ${definition.name} lacks its input ${name}`);
    return tensor === undefined ? [] : [tensor];
  });
}

/** Attributes as plain data that later changes of the caller's arrays cannot reach. */
const frozen = (attrs: object | undefined): Attrs => structuredClone({ ...attrs });

/** Registers all kernels for a backend name; does nothing the second time. */
export function registerOpKernels(backendName: string): void {
  if (tf.getKernelsForBackend(backendName).length > 0) return;
  for (const definition of opTable.values()) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs, backend }) => {
      const outputs = (backend as OpBackend).runOp(definition, ordered(definition, inputs), frozen(attrs));
      const [only] = outputs;
      return outputs.length === 1 && only !== undefined && definition.isList !== true ? only : [...outputs];
    };
    tf.registerKernel({ kernelName: definition.name, backendName, kernelFunc });
  }
  // Kernel names are the exported constants whose value is their own name.
  for (const [name, value] of Object.entries(tf)) {
    if (value !== name || opTable.has(name)) continue;
    const kernelFunc: tf.KernelFunc = ({ backend }) => {
      throw undefinedOp(name, (backend as OpBackend).where);
    };
    tf.registerKernel({ kernelName: name, backendName, kernelFunc });
  }
}

import { expect, it } from 'vitest';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING } from './nn-cases.js';
import { ROUNDING } from './op-case.js';
import { tfjsSuite } from './tfjs-executor-suite.js';

const open = (threads = 1): ReturnType<typeof openExecutorOf> => openExecutorOf('tfjs-cpu', { threads });

executorSuite('tfjs-cpu', open, () => tf.memory().numTensors);
// The same kernels on the same numbers in the same order: equal bits for ordinary ops. Our own ops are other
// compositions than the reference, and erf is computed anew: TensorFlow.js has a polynomial that is 1.5e-7 off.
tfjsSuite('tfjs-cpu', {
  open,
  backend: 'cpu',
  opTolerance: 0,
  nnTolerance: NN_ROUNDING,
  roughOps: { Erf: ROUNDING },
});

it('says which program has an op without a kernel, and which op', async () => {
  const executor = await open();
  const x = { shape: [2], dtype: 'float32' } as const;
  const graph = {
    values: [0, 1].map((id) => ({ id, ...x })),
    literals: [],
    nodes: [{ op: 'Neg', inputs: [0], outputs: [1], attrs: {} }],
  };
  const port = (value: number, name: string) => ({ role: { kind: 'plain', name }, value, ...x }) as const;
  const load = (op: string): unknown =>
    executor.load({
      name: 'look',
      graph: { ...graph, nodes: graph.nodes.map((node) => ({ ...node, op })) },
      inputs: [port(0, 'x')],
      outputs: [port(1, 'y')],
    });
  expect(() => load('Neg')).not.toThrow();
  expect(() => load('NoSuchOp')).toThrow(
    'Program "look" cannot be loaded by tfjs-cpu: it has no kernel for the op NoSuchOp',
  );
  executor.close();
});

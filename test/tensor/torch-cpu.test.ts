// torch-cpu: the conformance suite, and every op and function of nn, traced with its gradients, against the same
// computation on TensorFlow.js' own cpu backend. Skipped where no PyTorch is installed, with the reason.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTorch } from '../../engine/tensor/libtorch/find-torch.js';
import { kernelTable } from '../../engine/tensor/libtorch/kernels/table.js';
import { LibtorchExecutor } from '../../engine/tensor/libtorch/libtorch-executor.js';
import { opTable } from '../../engine/tensor/ops/table.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING, nnCases } from './nn-cases.js';
import { obstacleTo } from './obstacle.js';
import { ROUNDING } from './op-case.js';
import { namedOpCases } from './op-cases.js';
import { onBackend, type Result, traced, worstError } from './parity.js';

it('has a kernel for every op of the table, and no other', () => {
  expect(Object.keys(kernelTable).sort()).toEqual([...opTable.keys()].sort());
});

const reason = await obstacleTo('torch-cpu');

if (reason !== null) it.skip(`torch-cpu (skipped: ${reason})`, () => undefined);
else suite();

function suite(): void {
  const opened: LibtorchExecutor[] = [];
  const open = (threads: number): LibtorchExecutor => {
    const executor = new LibtorchExecutor(findTorch(), { type: 'cpu', index: 0 }, { threads });
    opened.push(executor);
    return executor;
  };
  executorSuite('torch-cpu', open, () => opened.reduce((sum, { aten }) => sum + aten.tensors.live, 0));

  const compare = (actual: Result, expected: Result, tolerance: number): void => {
    expect(worstError(actual.value, expected.value)).toBeLessThanOrEqual(tolerance);
    expected.gradients.forEach((gradient, i) =>
      expect(worstError(actual.gradients[i] as HostArray, gradient), `gradient ${i}`).toBeLessThanOrEqual(tolerance),
    );
  };

  describe('torch-cpu computes', () => {
    let executor: LibtorchExecutor;
    beforeAll(() => {
      executor = open(1);
    });
    afterAll(() => {
      executor.close();
      expect(executor.aten.tensors.live).toBe(0);
    });

    it.each(namedOpCases)('%s', (_, { inputs, body, wrt = [], tolerance = ROUNDING }) => {
      compare(traced(executor, inputs, wrt, body), onBackend('cpu', inputs, wrt, body), tolerance);
    });

    it.each(nnCases.map((c) => [c.name, c] as const))('%s', (_, { inputs, wrt, fused, plain }) => {
      compare(traced(executor, inputs, wrt, fused), onBackend('cpu', inputs, wrt, plain), NN_ROUNDING);
    });
  });
}

// LibtorchExecutor: the conformance suite, and every op and function of nn, traced with its gradients, against the same
// computation on TensorFlow.js' own cpu backend: on the processor, or on the first GPU where
// PIPETRAIN_TEST_TORCH_DEVICE=cuda asks for it. Skipped where no such PyTorch is installed, with the reason.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadedProgram } from '../../engine/tensor/executor.js';
import { LEAVES_LOG_SUM_EXP, leavingLogSumExp } from '../../engine/tensor/fused/log-sum-exp.js';
import { findTorch } from '../../engine/tensor/libtorch/find-torch.js';
import { kernelTable } from '../../engine/tensor/libtorch/kernels/table.js';
import { LibtorchExecutor } from '../../engine/tensor/libtorch/libtorch-executor.js';
import type { TorchDevice } from '../../engine/tensor/libtorch/torch-library.js';
import { opTable } from '../../engine/tensor/ops/table.js';
import type { Program } from '../../engine/tensor/program.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING, type NnCase, nnCases } from './nn-cases.js';
import { obstacleTo } from './obstacle.js';
import { ROUNDING } from './op-case.js';
import { namedOpCases } from './op-cases.js';
import { type Input, onBackend, type Result, traced, worstError } from './parity.js';
import { placeSuite } from './place-suite.js';

it('has a kernel for every op of the table, and no other', () => {
  expect(Object.keys(kernelTable).sort()).toEqual([...opTable.keys()].sort());
});

const DEVICE: TorchDevice = { type: process.env['PIPETRAIN_TEST_TORCH_DEVICE'] === 'cuda' ? 'cuda' : 'cpu', index: 0 };
const NAME = `torch-${DEVICE.type}`;
const reason = await obstacleTo(NAME);

if (reason !== null) it.skip(`${NAME} (skipped: ${reason})`, () => undefined);
else suite();

/** The first sample has keys; the second has none. */
const noKeys = ({ data, shape }: Input): Float32Array =>
  Float32Array.from(data, (x, i) => (i < (shape[1] as number) ? x : 0));

function suite(): void {
  const opened: LibtorchExecutor[] = [];
  const open = (threads: number): LibtorchExecutor => {
    const executor = new LibtorchExecutor(findTorch(), DEVICE, { threads });
    opened.push(executor);
    return executor;
  };
  executorSuite(NAME, open, () => opened.reduce((sum, { aten }) => sum + aten.tensors.live, 0));

  const compare = (actual: Result, expected: Result, tolerance: number): void => {
    expect(worstError(actual.value, expected.value)).toBeLessThanOrEqual(tolerance);
    expected.gradients.forEach((gradient, i) =>
      expect(worstError(actual.gradients[i] as HostArray, gradient), `gradient ${i}`).toBeLessThanOrEqual(tolerance),
    );
  };

  placeSuite(NAME, () => open(1));

  describe(`${NAME} computes`, () => {
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

    const attention = nnCases.filter(({ name }) => name.startsWith('attention'));
    const nobody: NnCase = { ...(attention.find(({ name }) => name === 'attention with a mask') as NnCase) };
    const [q, k, v, mask] = nobody.inputs as [Input, Input, Input, Input];
    const ignored = {
      ...nobody,
      name: 'attention with no key at all',
      inputs: [q, k, v, { ...mask, data: noKeys(mask) }],
    };

    it.each([...attention, ignored].map((c) => [c.name, c] as const))(
      '%s, with logarithms of sums for the backward',
      (_, { inputs, wrt, fused, plain }) => {
        const changed: string[] = [];
        const load = (program: Program): LoadedProgram => {
          const graph = leavingLogSumExp(program.graph, 'fp32');
          changed.push(...graph.nodes.filter(({ attrs }) => attrs[LEAVES_LOG_SUM_EXP] === true).map(({ op }) => op));
          return executor.load({ ...program, graph });
        };
        const leaving = { name: executor.name, load, close: () => undefined };
        const actual = traced(leaving, inputs, wrt, fused);
        compare(actual, onBackend('cpu', inputs, wrt, plain), NN_ROUNDING);
        // A mask and causal at once: there PyTorch has no such kernel.
        expect(changed).toEqual(_.includes('mask, causal') ? [] : ['PtAttention', 'PtAttentionGrad']);
      },
    );
  });
}

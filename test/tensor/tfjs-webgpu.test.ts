import { describe, it } from 'vitest';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import type { ThreadedExecutor } from '../../engine/tensor/threaded-executor.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING } from './nn-cases.js';
import { obstacleTo } from './obstacle.js';
import { ROUNDING } from './op-case.js';
import { tfjsSuite } from './tfjs-executor-suite.js';
import { WGSL_ROUGH } from './wgsl-rounding.js';

let opened: ThreadedExecutor | null = null;
const open = async (threads = 1): Promise<ThreadedExecutor> =>
  (opened ??= (await openExecutorOf('tfjs-webgpu', { threads })) as ThreadedExecutor);

const reason = await obstacleTo('tfjs-webgpu');
if (reason === null) {
  executorSuite(
    'tfjs-webgpu',
    async (threads) => (await openExecutorOf('tfjs-webgpu', { threads })) as ThreadedExecutor,
  );
  tfjsSuite('tfjs-webgpu', {
    open,
    backend: null,
    opTolerance: ROUNDING,
    nnTolerance: NN_ROUNDING,
    roughOps: WGSL_ROUGH,
  });
} else describe('executor tfjs-webgpu', () => it.skip(reason, () => undefined));

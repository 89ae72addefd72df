import { describe, it } from 'vitest';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING } from './nn-cases.js';
import { obstacleTo } from './obstacle.js';
import { ROUNDING } from './op-case.js';
import { placeSuite } from './place-suite.js';
import { tfjsSuite } from './tfjs-executor-suite.js';

const open = (threads = 1): ReturnType<typeof openExecutorOf> => openExecutorOf('tfjs-wasm', { threads });

const reason = await obstacleTo('tfjs-wasm');
if (reason === null) {
  executorSuite('tfjs-wasm', open, () => tf.memory().numTensors);
  // Single floats throughout, where the reference computes in double precision and rounds once per op.
  tfjsSuite('tfjs-wasm', { open, backend: 'wasm', opTolerance: ROUNDING, nnTolerance: NN_ROUNDING });
  placeSuite('tfjs-wasm', open);
} else describe('executor tfjs-wasm', () => it.skip(reason, () => undefined));

import { describe, it } from 'vitest';
import { OrtDeviceExecutor } from '../../engine/tensor/ort-device.js';
import { executorSuite } from './executor-conformance.js';
import { NN_ROUNDING } from './nn-cases.js';
import { obstacleTo } from './obstacle.js';
import { onnxSuite } from './onnx-conformance.js';
import { ROUNDING } from './op-case.js';
import { placeSuite } from './place-suite.js';
import { tfjsSuite } from './tfjs-executor-suite.js';
import { WGSL_ROUGH } from './wgsl-rounding.js';

const open = (threads: number): OrtDeviceExecutor =>
  new OrtDeviceExecutor('ort-webgpu', { kind: 'webgpu' }, { threads });

const reason = await obstacleTo('ort-webgpu');
if (reason === null) {
  executorSuite('ort-webgpu', open, () => 0, false);
  onnxSuite('ort-webgpu', open, false);
  // Its kernel of powers does not take every pair of shapes.
  tfjsSuite('ort-webgpu', {
    open: () => Promise.resolve(open(1)),
    backend: null,
    opTolerance: ROUNDING,
    nnTolerance: NN_ROUNDING,
    roughOps: WGSL_ROUGH,
    refused: /^Pow \[3,1\] \[2,3,4\]|^Pow \[2,1,4\] \[1,3,1\]/,
  });
  placeSuite('ort-webgpu', () => open(1));
} else describe('executor ort-webgpu', () => it.skip(reason, () => undefined));

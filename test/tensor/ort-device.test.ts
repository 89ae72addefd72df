// The executor for devices of ONNX Runtime. Its I/O binding is run with the CPU as the device, which is everywhere; the
// devices themselves where they are.
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { OrtDeviceExecutor } from '../../engine/tensor/ort-device.js';
import { findCudaProvider } from '../../engine/tensor/ort-provider.js';
import { executorSuite } from './executor-conformance.js';
import { onnxSuite } from './onnx-conformance.js';

const open = (threads: number): OrtDeviceExecutor => new OrtDeviceExecutor('ort-device', { kind: 'cpu' }, { threads });

executorSuite('ort-device', open);
onnxSuite('ort-device', open);

it('ort-cuda says which library is missing', () => {
  expect(() => findCudaProvider(tmpdir())).toThrow(
    'ort-cuda needs libonnxruntime_providers_cuda.so beside ONNX Runtime, which is not there',
  );
});

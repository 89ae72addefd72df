// The executor for devices of ONNX Runtime. Its I/O binding is run with the CPU as the device, which is everywhere; the
// devices themselves where they are.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OrtDeviceExecutor } from '../../engine/tensor/ort-device.js';
import { type OrtFolder, ortVersion } from '../../engine/tensor/ort-library.js';
import { findCuda } from '../../engine/tensor/ort-provider.js';
import { errorOf } from '../error-of.js';
import { scratch } from '../scratch.js';
import { executorSuite } from './executor-conformance.js';
import { onnxSuite } from './onnx-conformance.js';

const open = (threads: number): OrtDeviceExecutor => new OrtDeviceExecutor('ort-device', { kind: 'cpu' }, { threads });

executorSuite('ort-device', open);
onnxSuite('ort-device', open);

/** A folder as onnxruntime-node's install script leaves it. */
function cudaFolder(version: string): OrtFolder {
  const folder = scratch();
  writeFileSync(join(folder, 'libonnxruntime_providers_cuda.so'), '');
  return { folder, version };
}

it('ort-cuda says which library is missing, and how it is installed', () => {
  const error = errorOf(() => findCuda(null));
  expect(error.message).toBe('ort-cuda needs libonnxruntime_providers_cuda.so, which is not part of pipetrain');
  expect(error.hint).toContain(`npm install onnxruntime-node@${ortVersion()}`);
});

it('ort-cuda takes an installed onnxruntime-node of the same version alone', () => {
  const fit = cudaFolder(ortVersion() ?? '');
  expect(findCuda(fit)).toBe(fit);
  expect(errorOf(() => findCuda(cudaFolder('1.0.0'))).message).toContain('is 1.0.0');
});

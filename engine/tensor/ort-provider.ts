// OrtProvider: which part of ONNX Runtime computes: what its library brings (CPU, WebGPU), or a library beside it
// (CUDA). It is chosen per session.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { Pointer } from './native.js';
import { NativeStrings, type OrtApi } from './ort-api.js';
import { installedOrt, type OrtFolder, ortFolder, ortVersion } from './ort-library.js';

/** `cpu` computes where the caller's memory is; it is there so that the binding of devices can be tested anywhere. */
export type OrtProvider =
  { readonly kind: 'cpu' } | { readonly kind: 'webgpu' } | { readonly kind: 'cuda'; readonly device: number };

const CUDA_LIBRARY = 'libonnxruntime_providers_cuda.so';
const HINT = 'Install the driver of the GPU (docs/executors.md), or use --devices cpu:N.';

/**
 * The ONNX Runtime that computes with CUDA: an installed onnxruntime-node whose install script has fetched that part.
 * Throws a UsageError (PT_DEVICES) where there is none, or one of another version.
 */
export function findCuda(installed: OrtFolder | null = installedOrt()): OrtFolder {
  const wanted = ortVersion() ?? '';
  const command = `npm install onnxruntime-node@${wanted}`;
  for (const ort of [ortFolder(), installed]) {
    if (ort === null || !existsSync(join(ort.folder, CUDA_LIBRARY))) continue;
    if (ort.version === wanted) return ort;
    throw new UsageError(
      'PT_DEVICES',
      `ort-cuda needs onnxruntime-node ${wanted}; that of ${ort.folder} is ${ort.version}`,
      `Run: ${command}; or use --devices cpu:N.`,
    );
  }
  throw new UsageError(
    'PT_DEVICES',
    `ort-cuda needs ${CUDA_LIBRARY}, which is not part of pipetrain`,
    `Run: ${command} (it fetches the library from outside the npm registry: docs/executors.md, CUDA), or use ` +
      '--devices cpu:N.',
  );
}

/** Adds the provider to session options; ops that it lacks run on the CPU. */
export function appendProvider(api: OrtApi, sessionOptions: Pointer, name: string, provider: OrtProvider): void {
  const { call } = api;
  const check = (status: Pointer | null): void => {
    const message = api.takeError(status);
    // What stands before is a place in the sources of the library.
    if (message !== null)
      throw new UsageError(
        'PT_DEVICES',
        `${name}: ONNX Runtime finds no such device: ${message.split(' was false. ').at(-1)?.trim() ?? ''}`,
        HINT,
      );
  };
  if (provider.kind === 'cpu') return;
  if (provider.kind === 'webgpu') {
    check(call.appendProvider(sessionOptions, 'WebGPU', 0n, 0n, 0));
    return;
  }
  const options = api.create(`${name}: ONNX Runtime has no options for CUDA`, HINT, (out) =>
    call.createCudaOptions(out),
  );
  try {
    // Products of 32-bit floats without the shorter format of tensor cores, and the same algorithm every time.
    const settings = { device_id: String(provider.device), use_tf32: '0', cudnn_conv_algo_search: 'DEFAULT' };
    const [keys, values] = [new NativeStrings(Object.keys(settings)), new NativeStrings(Object.values(settings))];
    check(call.updateCudaOptions(options, keys.address, values.address, Object.keys(settings).length));
    check(call.appendCuda(sessionOptions, options));
  } finally {
    call.releaseCudaOptions(options);
  }
}

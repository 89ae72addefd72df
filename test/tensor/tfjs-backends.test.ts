import { afterEach, describe, expect, it } from 'vitest';
import { ModelError, UsageError } from '../../engine/core/errors.js';
import * as tf from '../../engine/tensor/tf.js';
import { findBackend, type PackageHost, startBackend } from '../../engine/tensor/tfjs-backends.js';

const nothing: PackageHost = {
  nodeVersion: 'v20.0.0',
  hasLegacyUtil: true,
  resolve: () => undefined,
  load: () => undefined,
};
const installed: PackageHost = { ...nothing, resolve: (name) => `/packages/${name}` };
const one = { threads: 1, device: 0 };

describe('findBackend', () => {
  it('needs no package for tfjs-cpu', () => {
    expect(findBackend('tfjs-cpu', nothing)).toBeNull();
  });

  it.each([
    ['tfjs-wasm', '@tensorflow/tfjs-backend-wasm'],
    ['tfjs-node', '@tensorflow/tfjs-node'],
    ['tfjs-node-gpu', '@tensorflow/tfjs-node-gpu'],
  ] as const)('finds the package of %s, or says how to install it', (kind, packageName) => {
    expect(findBackend(kind, installed)).toBe(`/packages/${packageName}`);
    expect(() => findBackend(kind, nothing)).toThrow(
      `${kind} needs the package ${packageName}, which is not installed`,
    );
    expect(() => findBackend(kind, nothing)).toThrow(
      expect.objectContaining({
        code: 'PT_DEVICES',
        hint: expect.stringContaining(`Run: npm install ${packageName}@${tf.version_core}`) as string,
      }) as Error,
    );
  });

  it('wants both packages of tfjs-webgpu', () => {
    const half: PackageHost = { ...nothing, resolve: (name) => (name === 'webgpu' ? undefined : name) };
    expect(() => findBackend('tfjs-webgpu', nothing)).toThrow(
      'tfjs-webgpu needs the package @tensorflow/tfjs-backend-webgpu, which is not installed',
    );
    expect(() => findBackend('tfjs-webgpu', half)).toThrow(
      'tfjs-webgpu needs the package webgpu, which is not installed',
    );
    expect(findBackend('tfjs-webgpu', installed)).toBe('/packages/@tensorflow/tfjs-backend-webgpu');
  });

  it('says where Node is too new for TensorFlow, and does not mind elsewhere', () => {
    const newer: PackageHost = { ...installed, nodeVersion: 'v24.1.0', hasLegacyUtil: false };
    expect(() => findBackend('tfjs-node', newer)).toThrow(
      'tfjs-node: Node v24.1.0 is too new for @tensorflow/tfjs-node',
    );
    expect(() => findBackend('tfjs-node-gpu', newer)).toThrow(UsageError);
    expect(findBackend('tfjs-wasm', newer)).toBe('/packages/@tensorflow/tfjs-backend-wasm');
  });
});

describe('startBackend', () => {
  class IdleBackend extends tf.KernelBackend {
    override dispose(): void {
      // Holds nothing.
    }
  }
  const register = (name: string): void => void tf.registerBackend(name, () => new IdleBackend());
  afterEach(() => {
    for (const name of ['tensorflow', 'wasm']) if (tf.engine().backendNames().includes(name)) tf.removeBackend(name);
  });

  it('says where an installed package does not load, and keeps the gradients that pipetrain adds', async () => {
    const ours = tf.getGradient('BatchMatMul');
    const load = (): never => {
      tf.registerGradient({ kernelName: 'BatchMatMul', gradFunc: () => ({}) });
      throw new Error('no such binding\nfor many reasons');
    };
    await expect(startBackend('tfjs-node', one, { ...installed, load })).rejects.toThrow(
      /^@tensorflow\/tfjs-node is installed, but does not load: no such binding$/,
    );
    expect(tf.getGradient('BatchMatMul')).toBe(ours);
  });

  it('says where a backend does not start', async () => {
    await expect(startBackend('tfjs-wasm', one, installed)).rejects.toThrow(ModelError);
    await expect(startBackend('tfjs-wasm', one, installed)).rejects.toThrow(
      'the backend wasm of TensorFlow.js does not start',
    );
  });

  it('starts a backend that a package registers', async () => {
    expect(await startBackend('tfjs-wasm', one, { ...installed, load: () => register('wasm') })).toBe('wasm');
  });

  it('refuses tfjs-node-gpu where TensorFlow found no GPU', async () => {
    await expect(
      startBackend('tfjs-node-gpu', { threads: 1, device: 3 }, { ...installed, load: () => register('tensorflow') }),
    ).rejects.toThrow('TensorFlow finds no GPU 3 here');
  });
});

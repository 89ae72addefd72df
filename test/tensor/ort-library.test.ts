import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installedOrt, ortFolder, ortLibraryPath, ortVersion } from '../../engine/tensor/ort-library.js';
import { scratch, scratchWith } from '../scratch.js';

const HERE = join('node_modules/onnxruntime-node/bin/napi-v6', process.platform, process.arch);
const MANIFEST = JSON.stringify({ name: 'onnxruntime-node', version: '9.9.9' });

it('lies in the build, in the version that the build was made with', () => {
  const { folder, version } = ortFolder();
  expect(version).toBe(ortVersion());
  expect(folder.split(/[/\\]/)).toContain('vendor');
  expect(existsSync(join(folder, 'onnxruntime_binding.node'))).toBe(true);
  expect(existsSync(ortLibraryPath())).toBe(true);
});

it('is found where a user installed the package, at the first of some places', () => {
  const library = ortLibraryPath().split(/[/\\]/).at(-1) ?? '';
  const project = scratchWith({
    'node_modules/onnxruntime-node/package.json': MANIFEST,
    [join(HERE, library)]: '',
  });
  expect(installedOrt([scratch(), project])).toEqual({ folder: join(project, HERE), version: '9.9.9' });
});

it('is not found in a package that has nothing for this platform, nor where there is none', () => {
  const project = scratchWith({ 'node_modules/onnxruntime-node/package.json': MANIFEST });
  expect(installedOrt([project, scratch()])).toBeNull();
});

// OrtLibrary: where ONNX Runtime lies on this machine. pipetrain brings the libraries of the platforms it runs on; the
// package onnxruntime-node, where a user has installed it, brings those of others, and the CUDA part. Nothing is loaded
// here.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { ModelError } from '../core/errors.js';
import { packageRoot } from '../core/package-root.js';

const PACKAGE = 'onnxruntime-node';
const PLATFORM = `${process.platform}/${process.arch}`;
const manifestSchema = z.object({ version: z.string() });

/** A folder with ONNX Runtime's library and its binding for Node. */
export interface OrtFolder {
  readonly folder: string;
  readonly version: string;
}

/** The version that pipetrain brings, for every platform; null where the installation is damaged. */
export function ortVersion(): string | null {
  const root = shippedRoot();
  return root === null ? null : versionIn(root);
}

/**
 * The folder of ONNX Runtime for this platform: pipetrain's own, or that of an installed onnxruntime-node of the same
 * version. Throws a ModelError (PT_EXECUTOR) where there is neither.
 */
export function ortFolder(): OrtFolder {
  const root = shippedRoot();
  const version = ortVersion();
  if (root !== null && version !== null) {
    const folder = join(root, process.platform, process.arch);
    if (existsSync(join(folder, LIBRARY))) return { folder, version };
  }
  const installed = installedOrt();
  if (installed !== null && installed.version === version) return installed;
  throw new ModelError(
    'PT_EXECUTOR',
    `pipetrain brings no ONNX Runtime for ${PLATFORM}` +
      (installed === null ? '' : `, and the installed ${PACKAGE} is ${installed.version}, not ${version ?? 'known'}`),
    version === null
      ? 'Install pipetrain again: dist/vendor/onnxruntime is missing.'
      : `It brings those for linux x64 and arm64 and for darwin arm64; elsewhere: npm install ${PACKAGE}@${version}`,
  );
}

/** Path of ONNX Runtime's library inside its folder. Throws as `ortFolder` does. */
export const ortLibraryPath = ({ folder } = ortFolder()): string => join(folder, LIBRARY);

/**
 * The package onnxruntime-node where a user installed it: in the working folder, beside pipetrain or in a folder of
 * NODE_PATH; null where it is nowhere, or lacks this platform.
 */
export function installedOrt(from: readonly string[] = [process.cwd(), ownFolder()]): OrtFolder | null {
  const require = createRequire(import.meta.url);
  for (const place of from) {
    try {
      const root = dirname(require.resolve(`${PACKAGE}/package.json`, { paths: [place] }));
      const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
      const version = versionIn(root);
      if (version !== null && existsSync(join(folder, LIBRARY))) return { folder, version };
    } catch {
      // Not there; perhaps at the next place.
    }
  }
  return null;
}

const LIBRARY =
  process.platform === 'win32'
    ? 'onnxruntime.dll'
    : process.platform === 'darwin'
      ? 'libonnxruntime.1.dylib'
      : 'libonnxruntime.so.1';

const ownFolder = (): string => dirname(fileURLToPath(import.meta.url));

/** The build puts the libraries there. */
function shippedRoot(): string | null {
  const root = packageRoot();
  return root === null ? null : join(root.folder, 'dist', 'vendor', 'onnxruntime');
}

function versionIn(root: string): string | null {
  const file = join(root, 'package.json');
  if (!existsSync(file)) return null;
  return manifestSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data?.version ?? null;
}

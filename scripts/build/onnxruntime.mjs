// Copies ONNX Runtime out of the package onnxruntime-node: the library and the binding of each platform that pipetrain
// runs on, each once. What stays behind: other systems, the script that fetches GPU libraries, and what only it needs.
import { constants, copyFileSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseJson } from '../lab/json.mjs';

/** Files by platform and processor, as process.platform and process.arch have them. */
const FILES = {
  'linux/x64': ['libonnxruntime.so.1', 'onnxruntime_binding.node'],
  'linux/arm64': ['libonnxruntime.so.1', 'onnxruntime_binding.node'],
  'darwin/arm64': ['libonnxruntime.1.dylib', 'onnxruntime_binding.node'],
};

/** @param {string} to The folder to write, which must not be there. */
export function copyOnnxRuntime(to) {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  const { name, version, license } = /** @type {Record<string, string>} */ (parseJson(readFileSync(manifest, 'utf8')));
  for (const [platform, files] of Object.entries(FILES)) {
    mkdirSync(join(to, platform), { recursive: true });
    for (const file of files) share(join(dirname(manifest), 'bin/napi-v6', platform, file), join(to, platform, file));
  }
  writeFileSync(join(to, 'package.json'), `${JSON.stringify({ name, version, license, private: true }, null, 2)}\n`);
}

/**
 * A second name for the same bytes, or a copy where the disk has no such thing.
 * @param {string} from
 * @param {string} to
 */
function share(from, to) {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  }
}

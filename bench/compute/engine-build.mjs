// The build of the engine that is measured: this checkout's, or that of another one, so that two builds can be
// compared by one script.
import { pathToFileURL } from 'node:url';

/**
 * What is measured of a build, by path inside of it. The types are those of this checkout's sources.
 * @typedef {{
 *   'engine/data/micro-batch.js': typeof import('#dist/engine/data/micro-batch.js'),
 *   'engine/index.js': typeof import('#dist/engine/index.js'),
 *   'engine/memory/memory-folder.js': typeof import('#dist/engine/memory/memory-folder.js'),
 *   'engine/model/build-model.js': typeof import('#dist/engine/model/build-model.js'),
 *   'engine/model/compile.js': typeof import('#dist/engine/model/compile.js'),
 *   'engine/model/load-model.js': typeof import('#dist/engine/model/load-model.js'),
 *   'engine/model/registry.js': typeof import('#dist/engine/model/registry.js'),
 *   'engine/model/slab.js': typeof import('#dist/engine/model/slab.js'),
 *   'engine/protocol/colleagues.js': typeof import('#dist/engine/protocol/colleagues.js'),
 *   'engine/protocol/step-result.js': typeof import('#dist/engine/protocol/step-result.js'),
 *   'engine/tensor/device-memory.js': typeof import('#dist/engine/tensor/device-memory.js'),
 *   'engine/tensor/jit/cpu-features.js': typeof import('#dist/engine/tensor/jit/cpu-features.js'),
 *   'engine/tensor/open-executor.js': typeof import('#dist/engine/tensor/open-executor.js'),
 *   'engine/tensor/optimizer.js': typeof import('#dist/engine/tensor/optimizer.js'),
 *   'engine/tensor/program.js': typeof import('#dist/engine/tensor/program.js'),
 *   'engine/tensor/shape.js': typeof import('#dist/engine/tensor/shape.js'),
 *   'engine/worker/cache-settings.js': typeof import('#dist/engine/worker/cache-settings.js'),
 *   'engine/worker/equipment.js': typeof import('#dist/engine/worker/equipment.js'),
 *   'engine/worker/workplace.js': typeof import('#dist/engine/worker/workplace.js'),
 * }} EngineModules
 */

/**
 * Loads a module of the build.
 * @typedef {<Path extends keyof EngineModules>(path: Path) => Promise<EngineModules[Path]>} LoadEngine
 */

/**
 * @param {string} [dist] The folder of the build, like dist/; this checkout's unless given.
 * @returns {LoadEngine}
 */
export function engineAt(dist) {
  const root = dist === undefined ? new URL('../../dist/', import.meta.url) : pathToFileURL(`${dist}/`);
  return (path) => import(new URL(path, root).href);
}

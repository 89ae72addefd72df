// The first order to a worker: what the run is; and what the coordinator's own workers are told when they are started,
// paths among it. Pure.
import { processorKind } from '../core/processor.js';
import type { RunMemory } from '../memory/run-memory.js';
import type { RunMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';
import { sharedSettings } from '../protocol/shared-settings.js';
import { executorOf, hasKernels } from '../run/devices.js';
import type { CoordinatorOptions } from './coordinator-options.js';

/**
 * `expects` is what a worker that joins must find on its own; null for the coordinator's own workers, which read the
 * very same files.
 */
export function setupOrder(
  { config, microBatch }: CoordinatorOptions,
  { shared }: RunMemory,
  expects: { readonly model: string; readonly data: string } | null,
): Order {
  return {
    type: 'setup',
    // The coordinator's own workers have been told all of them.
    settings: expects === null ? null : sharedSettings(config),
    executor: executorOf(config.devices),
    kernels: hasKernels(config),
    microBatch,
    probe: shared.probe,
    expects: expects === null ? null : { ...expects, processor: processorKind() },
  };
}

export const runMeans = (
  { config, programCache, checkpoints }: CoordinatorOptions,
  { shared, disk }: RunMemory,
): RunMeans => ({
  config,
  memory: { path: shared.path, probe: shared.probe },
  programCache,
  cacheFolder: disk?.path ?? null,
  checkpoints: checkpoints ?? null,
});

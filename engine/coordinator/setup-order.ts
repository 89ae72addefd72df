// The first order to a worker: what the run is. Pure.
import { processorKind } from '../core/processor.js';
import type { RunMemory } from '../memory/run-memory.js';
import type { Order } from '../protocol/messages.js';
import { executorOf, hasKernels } from '../run/devices.js';
import type { CoordinatorOptions } from './coordinator-options.js';

/**
 * `expects` is what a worker that joins must find on its own; null for the coordinator's own workers, which read the
 * very same files.
 */
export function setupOrder(
  { config, microBatch, programCache }: CoordinatorOptions,
  { shared, disk }: RunMemory,
  expects: { readonly model: string; readonly data: string } | null,
): Order {
  // A worker that joins opens no path that somebody else names.
  const isOwn = expects === null;
  return {
    type: 'setup',
    config,
    executor: executorOf(config.devices),
    kernels: hasKernels(config),
    microBatch,
    probe: shared.probe,
    programCache: isOwn ? programCache : null,
    cacheFolder: isOwn ? (disk?.path ?? null) : null,
    expects: expects === null ? null : { ...expects, processor: processorKind() },
  };
}

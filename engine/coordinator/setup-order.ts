// The first order to a worker: what the run is; and what the coordinator's own workers are told when they are started,
// paths among it. Pure.
import { processorKind } from '../core/processor.js';
import type { RunMemory } from '../memory/run-memory.js';
import type { RunMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';
import { sharedSettings } from '../protocol/shared-settings.js';
import { deviceBits, hasKernels, keepsRows, measuringExecutorOf } from '../run/devices.js';
import type { CoordinatorOptions } from './coordinator-options.js';

/**
 * `expects` is what a worker must find: one that joins on its own, and one of the coordinator's that starts later, for
 * files may have changed since the run read them. Null for those that read them together with the coordinator.
 */
export function setupOrder(
  { config, microBatch }: CoordinatorOptions,
  { shared }: RunMemory,
  isOwn: boolean,
  expects: { readonly model: string; readonly data: string } | null,
): Order {
  return {
    type: 'setup',
    // The coordinator's own workers have been told all of them.
    settings: isOwn ? null : sharedSettings(config),
    executor: measuringExecutorOf(config.devices),
    kernels: hasKernels(config),
    rows: keepsRows(config.devices),
    microBatch,
    probe: shared.probe,
    expects:
      expects === null
        ? null
        : { ...expects, processor: processorKind(), device: deviceBits(config.devices).join(' and ') },
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

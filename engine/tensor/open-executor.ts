// openExecutorOf: the executor of a name, opened and proven to compute before anything depends on it.
import type { Executor, ExecutorOptions } from './executor.js';
import { EXECUTORS } from './executors/registry.js';
import { opened } from './self-test.js';

export { openExecutor, type OpenExecutorOptions } from './executors/ort-cpu.js';

/**
 * What the bits of that executor depend on besides its name and the processor, on the device of that number; empty
 * where they depend on nothing else. Throws a UsageError (PT_DEVICES) where this machine does not have it.
 */
export function bitsOfDevice(name: string, device: number): string {
  const kind = EXECUTORS.get(name);
  kind.find?.();
  return kind.bitsOf?.(device + 1)[device] ?? '';
}

/**
 * Opens and tests the executor of that name on the device of that number (GPUs only). Throws a UsageError (PT_DEVICES)
 * where this machine does not have it, a ModelError (PT_EXECUTOR) where it does not work.
 */
export async function openExecutorOf(name: string, options: ExecutorOptions, device = 0): Promise<Executor> {
  const kind = EXECUTORS.get(name);
  kind.find?.();
  const executor = await kind.open(options, device);
  return opened(() => executor);
}

// WithWorkers: lends a coordinator and its workers to somebody for as long as that takes. Whatever happens, no process
// and no shared memory is left.
import { Coordinator } from './coordinator.js';
import type { CoordinatorOptions } from './coordinator-options.js';

/**
 * Opens a coordinator, hands it over, and closes it when `use` has come to its end, one way or another. The workers are
 * starting when it is handed over: `launch` waits for them. Rejects with what opening throws, or `use`.
 */
export async function withWorkers<T>(
  options: CoordinatorOptions,
  use: (coordinator: Coordinator) => Promise<T>,
): Promise<T> {
  const coordinator = await Coordinator.open(options);
  try {
    return await use(coordinator);
  } finally {
    await coordinator.close();
  }
}

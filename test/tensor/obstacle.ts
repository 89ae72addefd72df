// Why an executor cannot be tested on this machine, if so: what `pipetrain devices` says of it. One that is there and
// broken is no obstacle: its tests fail.
import { UsageError } from '../../engine/core/errors.js';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';

export async function obstacleTo(kind: string): Promise<string | null> {
  try {
    (await openExecutorOf(kind, { threads: 1 })).close();
  } catch (error) {
    if (error instanceof UsageError || (error as { code?: string }).code === 'PT_DEVICES')
      return (error as Error).message;
  }
  return null;
}

// The least shared memory that a run needs, whatever its plan.
import type { MemoryFolder } from '../memory/memory-folder.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import { stateElements } from '../tensor/optimizer.js';

/**
 * One copy of parameters, optimizer states, gradient and reduced gradient is the least any plan needs. Throws a
 * WorkerError (PT_SHM_FULL).
 */
export function requireMemory(memoryFolder: MemoryFolder, { layouts, model, config }: RunSetup): void {
  const floats = layouts.reduce((sum, { length }) => sum + length, 0);
  const spec = optimizerSpec(config);
  const states = layouts.reduce((sum, layout) => sum + stateElements(spec, layout), 0);
  memoryFolder.require(
    4 * (3 * floats + states),
    // Parameters and their snapshot of every block; gradients at the least of one stage.
    2 * layouts.length + 1,
    `the model ${model.name} (${floats} parameters)`,
  );
}

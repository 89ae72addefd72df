// The executors by name. Adding one is one file and one line here.
import { Registry } from '../../core/registry.js';
import type { ExecutorKind } from '../executor-kind.js';
import { torchCpu, torchCuda } from './libtorch.js';
import { ortCpu } from './ort-cpu.js';
import { ortCuda, ortWebgpu } from './ort-devices.js';
import { tfjsCpu, tfjsNode, tfjsNodeGpu, tfjsWasm, tfjsWebgpu } from './tfjs.js';

export const EXECUTORS = new Registry<ExecutorKind>('executor', [
  // In the order of listings.
  ortCpu,
  ortWebgpu,
  ortCuda,
  torchCpu,
  torchCuda,
  tfjsCpu,
  tfjsWasm,
  tfjsNode,
  tfjsNodeGpu,
  tfjsWebgpu,
]);

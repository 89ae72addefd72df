// The kernels of every op of the op table, by its name.
import type { KernelTable } from '../kernel.js';
import { attentionKernels } from './attention.js';
import { binaryKernels } from './binary.js';
import { indexingKernels } from './indexing.js';
import { layerKernels } from './layers.js';
import { productKernels } from './products.js';
import { reduceKernels } from './reduce.js';
import { shapeKernels } from './shape.js';
import { sliceKernels } from './slices.js';
import { unaryKernels } from './unary.js';

export const kernelTable: KernelTable = {
  ...unaryKernels,
  ...binaryKernels,
  ...reduceKernels,
  ...productKernels,
  ...shapeKernels,
  ...sliceKernels,
  ...indexingKernels,
  ...layerKernels,
  ...attentionKernels,
};

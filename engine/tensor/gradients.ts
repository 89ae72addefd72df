// Gradients that TensorFlow.js lacks, has only for equal shapes or some ranks, or has wrong: so that every op of the op
// table can stand between a parameter and the loss. They are written in its ordinary ops.
import { registerGradient } from '#tfjs';
import { elementwiseGradients } from './gradients/elementwise.js';
import { indexingGradients } from './gradients/indexing.js';
import { batchMatMul, einsum } from './gradients/products.js';
import { reductionGradients } from './gradients/reductions.js';

/** Tells the autodiff of TensorFlow.js. Safe to call again. */
export function registerGradients(): void {
  const all = [...elementwiseGradients, ...reductionGradients, ...indexingGradients, batchMatMul, einsum];
  for (const config of all) registerGradient(config);
}

// nn: the building blocks of transformers as single ops with gradients of their own. Each equals its plain
// TensorFlow.js composition within rounding; each exists because the composition is slower or needs more memory.
export { attention, type AttentionOptions } from './fused/attention.js';
export { dropout } from './fused/dropout.js';
export { embedding } from './fused/embedding.js';
export { gelu } from './fused/gelu.js';
export { layerNorm } from './fused/layer-norm.js';
export { linear } from './fused/linear.js';
export { crossEntropy } from './fused/smoothed-cross-entropy.js';

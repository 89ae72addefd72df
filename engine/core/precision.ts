// Precision: in which numbers a run computes. What each means, operation by operation, is docs/precision.md; a model
// file does not know it.

/** `fp32`: float32 throughout. `bf16`: products of bfloat16 operands, summed in float32; activations in bfloat16. */
export const PRECISIONS = ['fp32', 'bf16'] as const;
export type Precision = (typeof PRECISIONS)[number];

// The ops of our own, as rows of the op table.
import type { OpDefinition } from '../ops/definition.js';
import { attentionOps } from './attention.js';
import { crossEntropyOps } from './cross-entropy.js';
import { dropoutOps } from './dropout.js';
import { embeddingOps } from './embedding.js';
import { geluOps } from './gelu.js';
import { layerNormOps } from './layer-norm.js';
import { linearOps } from './linear.js';
import { roundingOps } from './rounding.js';

export const fusedOps: readonly OpDefinition[] = [
  linearOps,
  geluOps,
  layerNormOps,
  attentionOps,
  embeddingOps,
  crossEntropyOps,
  dropoutOps,
  roundingOps,
].flat();

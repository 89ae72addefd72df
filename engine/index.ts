// What `import ... from 'pipetrain'` gives: the tools to define a model, and the errors. Running is the command's business.
export * as tf from './tensor/tf.js';
export * as nn from './tensor/nn.js';
export { defineModel, type ModelDefaults, type ModelDefinition } from './model/define.js';
export { bias, defineBlock, defineInputBlock, gain, matrix, positions } from './model/define-block.js';
export type { Block, BlockContext, BlockKind, Init, Model, ParamSpec } from './model/block.js';
export type { DataInfo, FieldSpec } from './data/dataset.js';
export { DataError, ModelError, PipetrainError, UsageError } from './core/errors.js';

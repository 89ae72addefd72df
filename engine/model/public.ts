// What a model file sees of pipetrain: the tools to define a model, zod for its options, and the errors. Running a
// model is not among them.
export { DataError, ModelError, PipetrainError, UsageError } from '../core/errors.js';
export type { DataInfo, FieldSpec } from '../data/dataset.js';
export * as nn from '../tensor/nn.js';
export * as tf from '../tensor/tf.js';
export type { Block, BlockContext, BlockKind, Init, Model, Outcome, ParamSpec } from './block.js';
export { defineModel, type ModelDefaults, type ModelDefinition } from './define.js';
export { bias, defineBlock, defineInputBlock, gain, matrix, positions, shared } from './define-block.js';
export type { OutcomeKind } from './outcome-kind.js';
export { z } from 'zod';

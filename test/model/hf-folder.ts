// The small pretrained encoder of test/golden/hf/tiny, and what `transformers` computes with it. Not a test.
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Model } from '../../engine/model/block.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as tf from '../../engine/tensor/tf.js';
import { scratch } from '../scratch.js';
import { type FieldValue, runModel } from './run-model.js';

export const TINY = fileURLToPath(new URL('../golden/hf/tiny', import.meta.url));

/** As scripts/golden/make_hf_golden.py writes it. */
export interface Expected {
  readonly madeWith: string;
  readonly texts: readonly string[];
  readonly sequence: number;
  readonly tokens: readonly number[];
  readonly mask: readonly number[];
  readonly cases: readonly {
    readonly types: readonly number[];
    /** Behind the embedding, then behind each layer. */
    readonly hidden: readonly (readonly number[])[];
    readonly mean: readonly number[];
    readonly cls: readonly number[];
    readonly pooler: readonly number[];
  }[];
}

export const readExpected = (path: string): Expected => JSON.parse(readFileSync(path, 'utf8')) as Expected;

/** A copy of some files of the small model, in a folder of its own. */
export function copyOf(files: readonly string[]): string {
  const folder = scratch();
  for (const file of files) cpSync(join(TINY, file), join(folder, file));
  return folder;
}

export const textInfo = (sequence: number, vocabulary: number, hasTypes = false): DataInfo => ({
  task: 'text-classification',
  fields: [
    { name: 'tokens', shape: [sequence], dtype: 'int32' },
    { name: 'mask', shape: [sequence], dtype: 'float32' },
    { name: 'label', shape: [], dtype: 'int32' },
    ...(hasTypes ? [{ name: 'types', shape: [sequence], dtype: 'int32' } as const] : []),
  ],
  classes: 3,
  vocabulary,
  sequence,
});

/** Output of each block of the model for the texts of `expected`, with parameters as they start. */
export function outputs(
  executor: Executor,
  model: Model,
  { texts, sequence, tokens, mask }: Expected,
  types: readonly number[],
): Float32Array[] {
  const shape = [texts.length, sequence];
  const fields: Record<string, FieldValue> = {
    tokens: { shape, data: Int32Array.from(tokens) },
    mask: { shape, data: Float32Array.from(mask) },
    types: { shape, data: Int32Array.from(types) },
  };
  return model.blocks.map((_, last) => {
    const part: Model = {
      ...model,
      blocks: model.blocks.slice(0, last + 1),
      loss: (y) => tf.sum(tf.reshape(y, [texts.length, -1]), 1),
      score: null,
    };
    return runModel(executor, part, fields).y;
  });
}

export const largestDifference = (actual: ArrayLike<number>, expected: readonly number[]): number =>
  actual.length === expected.length
    ? expected.reduce((most, number, i) => Math.max(most, Math.abs(number - (actual[i] as number))), 0)
    : Infinity;

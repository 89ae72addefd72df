// A program that uses the package: makes a model. Its operations compute in the blocks of a run alone, so a program
// of one's own takes their types and what needs no tensor.
import { PipetrainError, tf } from 'pipetrain';
import { model } from './model.js';

declare const console: { log(text: string): void };

const options = model.options.parse({ width: 4 });
const { blocks } = model.build(options, {
  task: 'language-model',
  fields: [],
  classes: null,
  vocabulary: 8,
  sequence: 4,
});
const size: number = tf.util.sizeFromShape([2, 3]);
export const sum = (x: tf.Tensor): tf.Scalar => tf.sum(x);
export const chained = (x: tf.Tensor): tf.Tensor => x.add(1).relu();
if (!(PipetrainError.prototype instanceof Error)) throw new TypeError('an error of pipetrain is no Error');
console.log(`${blocks.map(({ name }) => name).join(', ')}; ${size} numbers`);

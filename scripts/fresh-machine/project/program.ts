// A program that uses the package: makes a model, and computes with its tensors.
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
const shape: readonly number[] = tf.zeros([2, 3]).shape;
if (!(PipetrainError.prototype instanceof Error)) throw new TypeError('an error of pipetrain is no Error');
console.log(`${blocks.map(({ name }) => name).join(', ')}; ${shape.join(' x ')}`);

// ImageLabels: which classes the labels of images mean. A label is the number of its class, from 0; numbers that no
// image has are classes without samples. What cannot be classes is refused by the same rules as labels of texts.
import { DataError } from '../core/errors.js';
import { listed } from './labelled-lines.js';

export interface ImageLabels {
  /** Where they were read from, for messages. */
  readonly source: string;
  readonly train: Uint8Array;
  readonly validation: Uint8Array;
  /** How many classes the user says there are. */
  readonly classes: number | undefined;
}

const isIn = (labels: Uint8Array): number[] => [...new Set(labels)].sort((a, b) => a - b);

/**
 * Names of the classes, by their ids. Throws a DataError: PT_DATA_CLASSES for one label only, for more than the user
 * says, and for more classes without any image than with; PT_DATA_LABEL for one that only validates.
 */
export function imageClasses({ source, train, validation, classes }: ImageLabels): string[] {
  const known = isIn(train);
  const wrong = (message: string, hint: string): DataError =>
    new DataError('PT_DATA_CLASSES', `${source}: ${message}`, hint);
  if (known.length < 2)
    throw wrong(
      `the training images have 1 label (${known.join()}), a classifier needs at least 2`,
      'use a labels file with all classes; where the images lie sorted by class: --data-options split=drawn',
    );
  const unknown = isIn(validation).find((label) => !known.includes(label));
  if (unknown !== undefined)
    throw new DataError(
      'PT_DATA_LABEL',
      `${source}: validation image ${validation.indexOf(unknown)} has the label ${unknown}, which is none of the ` +
        `${known.length} labels of the training images (${listed(known.map(String))})`,
      'use training and validation files with the same classes; of one pair of files: --data-options split=drawn',
    );
  const highest = known.at(-1) ?? 0;
  const count = classes ?? highest + 1;
  if (highest >= count)
    throw wrong(
      `a label is ${highest}, the option classes says ${count}, whose labels are 0 to ${count - 1}`,
      'correct the labels, or the option',
    );
  if (classes === undefined && 2 * known.length < count)
    throw wrong(
      `${known.length} labels (${listed(known.map(String))}) that go up to ${highest} would be ${count} classes, ` +
        'most of them without an image',
      `number the classes from 0 without gaps; or say how many there are: --data-options classes=${count}`,
    );
  return Array.from({ length: count }, (_, id) => String(id));
}

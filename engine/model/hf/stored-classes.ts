// StoredClasses: whether the classes that a checkpoint was trained to tell apart are as many as those of the data, so
// that its last layer can be trained on, and what is said about that at the start.
import { ModelError } from '../../core/errors.js';
import type { CommonSettings } from './model-folder.js';

/** Which head: that of the folder where it fits, that one or none, or a fresh one. */
export const HEADS = ['auto', 'folder', 'fresh'] as const;
export type HeadChoice = (typeof HEADS)[number];

export const HEAD_MEANING =
  'auto: the classifier of the folder where it has one for as many classes, else fresh; folder: that one or an ' +
  'error; fresh: always fresh';

export interface StoredHead {
  /** Of the model. */
  readonly name: string;
  readonly choice: HeadChoice;
  /** Classes of the data. */
  readonly classes: number;
  /** Shape of the last matrix of the folder, [classes, width], or null where it has none. */
  readonly shape: readonly number[] | null;
  readonly stored: CommonSettings;
  /** What config.json says where the classifier is for this task; null: any. */
  readonly problemType: string | null;
}

/** Names of more classes are not listed. */
const MOST_NAMES = 8;

/** Whether the folder's head is taken, and what is said of it. Throws ModelError PT_MODEL_OPTIONS where it must be. */
export function chooseHead({ name, choice, classes, shape, stored, problemType }: StoredHead): {
  readonly isStored: boolean;
  readonly note: string;
} {
  const lacks = whyNot(classes, shape, stored.problem_type ?? null, problemType);
  if (choice === 'folder' && lacks !== null)
    throw new ModelError(
      'PT_MODEL_OPTIONS',
      `model ${name}: head is "folder", but ${lacks}`,
      'leave the option head out, and the head starts fresh',
    );
  if (choice === 'fresh' || lacks !== null)
    return { isStored: false, note: `the head starts fresh: ${lacks ?? 'head=fresh asks for it'}` };
  const names = Object.values(stored.id2label ?? {});
  const listed = names.length === 0 || names.length > MOST_NAMES ? '' : `, which it calls ${names.join(', ')}`;
  return {
    isStored: true,
    note:
      `the head is that of the folder, for ${classes} classes${listed}; class 0 of the data is its class 0, and so ` +
      'on (--model-options head=fresh starts anew)',
  };
}

function whyNot(
  classes: number,
  shape: readonly number[] | null,
  stored: string | null,
  wanted: string | null,
): string | null {
  if (shape === null) return 'the folder has no classifier';
  if (stored !== null && wanted !== null && stored !== wanted)
    return `the classifier of the folder is for ${stored}, the data are for ${wanted}`;
  // Who says nothing has trained classes, unless there is one number alone.
  if (stored === null && wanted === 'multi_label_classification')
    return 'config.json does not say that the classifier of the folder is for several labels (problem_type)';
  return shape[0] === classes ? null : `the classifier of the folder has ${shape[0]} classes, the data have ${classes}`;
}

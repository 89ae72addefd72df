// DataSummary: what was understood from the data of a run: files, columns, classes, tokens, and how the validation part
// came about. Facts only: what is doubtful about them stands in data-doubts.ts, and nothing here is printed.
import { z } from 'zod';

/** Characters of a text at most, in a recording that may come from elsewhere. */
const text = z.string().max(2 ** 14);
const whole = z.number().int().nonnegative();
const share = z.number().min(0).max(1);
const classCount = z.object({ name: text, train: whole, validation: whole });

export const dataSummarySchema = z.object({
  source: text,
  numTrain: whole,
  numValidation: whole,
  files: z
    .array(
      z.object({
        path: text,
        /** Samples in it, without heading and blank lines. */
        samples: whole,
        part: z.enum(['training', 'validation', 'both']),
        /** Null where the format knows no heading. */
        heading: z.enum(['taken', 'none']).nullable(),
      }),
    )
    .max(16),
  /** Name or number of the columns of labelled rows, and what separates them. */
  columns: z
    .object({
      text,
      /** Of the second texts, where samples are pairs. */
      pair: text.optional(),
      label: text,
      separator: text,
      /** The columns that are neither: how many, and the first of them. */
      unused: z.object({ count: whole, names: z.array(text).max(16) }),
    })
    .optional(),
  /** How the validation part came about: of files of its own, drawn by class, the end of what there is, or made. */
  split: z.object({ how: z.enum(['file', 'drawn', 'last', 'made']), share: share.optional(), seed: whole.optional() }),
  /** Parts of which only some samples were drawn, and the setting that wants it. */
  limits: z.array(
    z.object({ part: z.enum(['training', 'validation']), kept: whole, of: whole, setting: text, isDrawn: z.boolean() }),
  ),
  classes: z
    .object({
      count: whole,
      /** The classes with the most training samples; all, in the order of their ids, where they are few. */
      most: z.array(classCount).max(64),
      /** The classes with the fewest, where they are many. */
      least: z.array(classCount).max(64),
      /** Training classes without a validation sample: how many, and the first of them. */
      absent: z.object({ count: whole, names: z.array(text).max(16) }),
      /** Classes without a training sample: how many, and the first of them. */
      untrained: z.object({ count: whole, names: z.array(text).max(16) }),
      /** Names that differ in case, white space or marks alone, and equal numbers. */
      alike: z.array(z.array(text)).max(16),
    })
    .optional(),
  image: z.object({ height: whole, width: whole, channels: whole }).optional(),
  /** Running text: what each part has. */
  running: z
    .object({ trainCharacters: whole, validationCharacters: whole, trainTokens: whole, validationTokens: whole })
    .optional(),
  tokens: z
    .object({
      tokenizer: text,
      size: whole,
      /** Null where the vocabulary was made from the training texts. */
      file: text.nullable(),
      /** Of the tokens of a part; null where the tokenizer knows everything. */
      unknown: z.object({ train: share, validation: share }).nullable(),
      sequence: whole,
      /** Whether the length was given, or chosen by the texts. */
      isGiven: z.boolean(),
      /** What the tokenizer allows a sample at most; null where there is no limit. */
      most: whole.nullable(),
      /** Samples longer than that, of all, and tokens of the longest; null where nothing is cut by its nature. */
      cut: z.object({ samples: whole, share, longest: whole }).nullable(),
    })
    .optional(),
  /** Validation texts that stand among the training texts, too. */
  shared: whole.optional(),
  /** Texts of both parts in which nothing stands. */
  empty: whole.optional(),
});

export type DataSummary = z.infer<typeof dataSummarySchema>;
export type TokenFacts = NonNullable<DataSummary['tokens']>;
export type ClassFacts = NonNullable<DataSummary['classes']>;

/** So many classes are listed whole. */
const FEW_CLASSES = 12;
const LISTED_MOST = 6;
const LISTED_LEAST = 3;
const LISTED_ABSENT = 10;
const LONGEST_NAME = 60;

const short = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 3)}...` : name);

/** Counts the classes of both parts; `labels` are class ids, first those of training, then those of validation. */
export function classFacts(
  names: readonly string[],
  labels: ArrayLike<number>,
  numTrain: number,
  alike: readonly (readonly string[])[] = [],
): ClassFacts {
  const train = new Array<number>(names.length).fill(0);
  const validation = new Array<number>(names.length).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const counts = i < numTrain ? train : validation;
    counts[labels[i] as number] = (counts[labels[i] as number] ?? 0) + 1;
  }
  const all = names.map((name, id) => ({ name: short(name), train: train[id] ?? 0, validation: validation[id] ?? 0 }));
  const absent = all.filter((counts) => counts.train > 0 && counts.validation === 0);
  const untrained = all.filter((counts) => counts.train === 0);
  const told = (list: typeof all): ClassFacts['absent'] => ({
    count: list.length,
    names: list.slice(0, LISTED_ABSENT).map(({ name }) => name),
  });
  const byCount = [...all].sort((a, b) => b.train - a.train);
  const isFew = all.length <= FEW_CLASSES;
  return {
    count: all.length,
    most: isFew ? all : byCount.slice(0, LISTED_MOST),
    least: isFew ? [] : byCount.slice(-LISTED_LEAST),
    absent: told(absent),
    untrained: told(untrained),
    alike: alike.slice(0, LISTED_ABSENT).map((group) => group.slice(0, LISTED_ABSENT).map(short)),
  };
}

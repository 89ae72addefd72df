// DataDoubts: what looks wrong about data that could be read: one sentence each, with what to do. It refuses nothing:
// what cannot be right is an error where it is read.
import type { DataSummary, TokenFacts } from './data-summary.js';

const MAJORITY = 0.95;
const MUCH_CUT = 0.05;
const MUCH_UNKNOWN = 0.1;
/** Of validation texts, by a vocabulary that was made from the training texts: rare words are never in it. */
const MUCH_NEW = 0.3;
/** A given length that is so many times that of the longest text, unless it is short anyway. */
const MUCH_FILLED = 4;
const LONG = 64;
/** How programs write that there is no value. */
const MISSING = /^(nan|null|undefined|n\/a|na|<na>|#n\/a)$/i;
/** Below so many samples per class on average, a classifier learns little of each. */
const FEW_PER_CLASS = 5;

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** Sentences for warnings; none for data that look sound. */
export function dataDoubts(summary: DataSummary): string[] {
  return [...classDoubts(summary), ...tokenDoubts(summary), ...textDoubts(summary)].map(
    (doubt) => `${summary.source}: ${doubt}`,
  );
}

function classDoubts({ classes, columns, image, numTrain, numValidation }: DataSummary): string[] {
  if (classes === undefined) return [];
  const { count, most, least, absent, untrained, alike } = classes;
  const doubts = alike.map(
    (names) =>
      `the labels ${names.map((name) => `"${name}"`).join(' and ')} differ only in how they are ` +
      `written, and are ${names.length} classes; write them alike if they are one`,
  );
  const missing = [...most, ...least].find(({ name }) => MISSING.test(name));
  if (missing !== undefined)
    doubts.push(
      `the label "${missing.name}" is a class of its own; leave its lines out if it means that none is known`,
    );
  const [largest] = [...most].sort((a, b) => b.train - a.train);
  if (largest !== undefined && largest.train > MAJORITY * numTrain)
    doubts.push(
      `${percent(largest.train / numTrain)} of the training samples have the label "${largest.name}"; ` +
        'who always says that is right as often',
    );
  if (numTrain < FEW_PER_CLASS * count)
    doubts.push(
      `${count} classes for ${numTrain} training samples, fewer than ${FEW_PER_CLASS} each; of so few little is ` +
        `learned; ${columns === undefined ? '' : 'check that the right column is the label, or '}train on more`,
    );
  if (absent.count > 0 && numValidation > 0)
    doubts.push(
      `${absent.count} of ${count} classes have no validation sample (${some(absent)}); ` +
        'the metric says nothing about them',
    );
  // Of other data only those that read by the classes of a checkpoint have such, and these are meant.
  if (untrained.count > 0 && image !== undefined)
    doubts.push(
      `${untrained.count} of ${count} classes have no training sample (${some(untrained)}); nothing is learned of them`,
    );
  return doubts;
}

const some = ({ count, names }: { readonly count: number; readonly names: readonly string[] }): string =>
  `${names.join(', ')}${count > names.length ? ', ...' : ''}`;

function tokenDoubts({ tokens }: DataSummary): string[] {
  if (tokens === undefined) return [];
  const doubts: string[] = [];
  const { cut, unknown, sequence, most, file } = tokens;
  if (cut !== null && cut.share > MUCH_CUT)
    doubts.push(
      `${percent(cut.share)} of the texts are cut at ${sequence} tokens (the longest has ${cut.longest}); ` +
        'what stands behind is not seen; ' +
        (sequence === most
          ? 'the tokenizer allows no more (model_max_length)'
          : '--data-options sequence=N sets the length'),
    );
  if (cut !== null) doubts.push(...fillDoubts(tokens, cut));
  for (const part of ['train', 'validation'] as const)
    if (unknown !== null && unknown[part] > (part === 'validation' && file === null ? MUCH_NEW : MUCH_UNKNOWN))
      doubts.push(
        `${percent(unknown[part])} of the tokens of the ${part === 'train' ? 'training' : 'validation'} texts are ` +
          `unknown to the tokenizer ${tokens.tokenizer}; ` +
          (file === null
            ? 'vocabulary=N keeps more words, tokenizer=bytes knows everything'
            : `check that the vocabulary ${file} suits their language and case`),
      );
  return doubts;
}

function fillDoubts({ isGiven, sequence }: TokenFacts, { longest }: NonNullable<TokenFacts['cut']>): string[] {
  if (!isGiven || longest === 0 || sequence < LONG || sequence <= MUCH_FILLED * longest) return [];
  return [
    `the longest text has ${longest} tokens, every sample takes ${sequence}: the rest is filled up and computed all ` +
      `the same; --data-options sequence=${longest} holds all`,
  ];
}

function textDoubts({ shared = 0, empty = 0, numValidation }: DataSummary): string[] {
  const doubts: string[] = [];
  if (shared > 0)
    doubts.push(
      `${shared} of ${numValidation} validation texts stand among the training texts, too, so that the metric is ` +
        'better than on new ones; leave them out of one side',
    );
  if (empty > 0) doubts.push(`texts without a word: ${empty} of the samples; leave their lines out`);
  return doubts;
}

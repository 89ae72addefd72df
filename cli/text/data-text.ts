// Text of a data summary: what was understood from the data, in a few lines. Pure text; what is doubtful is told by
// warnings.
import type { DataSummary } from '../../engine/data/data-summary.js';
import { count, plural } from './format.js';

type ClassCount = NonNullable<DataSummary['classes']>['most'][number];

/** A share with the digits that matter: 0.04 %, 1.2 %, 34 %. */
export function share(value: number): string {
  const percent = 100 * value;
  if (percent === 0 || percent >= 10) return `${Math.round(percent)} %`;
  return percent < 0.1 ? '<0.1 %' : `${percent.toFixed(1)} %`;
}

/** Headline and details for the start of a run. */
export function dataStory(summary: DataSummary): [headline: string, details: string[]] {
  return [
    `read from ${summary.source}`,
    [
      ...(summary.files.length === 0 ? [] : [`files: ${filesText(summary)}`]),
      ...(summary.columns === undefined ? [] : [`columns: ${columnsText(summary.columns)}`]),
      ...(summary.classes === undefined ? [] : [`classes: ${classesText(summary.classes)}`]),
      ...(summary.image === undefined ? [] : [`images: ${imageText(summary.image)}`]),
      ...(summary.running === undefined ? [] : [`text: ${runningText(summary.running)}`]),
      `validation: ${splitText(summary)}`,
      ...summary.limits.map(limitText),
      ...(summary.tokens === undefined ? [] : tokenLines(summary.tokens)),
    ],
  ];
}

/** One line, for the results of an evaluation. */
export function dataLine(summary: DataSummary): string {
  const { classes, image, running, tokens } = summary;
  const parts = [
    ...(summary.files.length === 0 ? [] : [filesText(summary)]),
    ...(classes === undefined ? [] : [`${count(classes.count)} classes`]),
    ...(image === undefined ? [] : [imageText(image)]),
    ...(running === undefined ? [] : [`${count(running.validationCharacters)} validation characters`]),
    splitText(summary),
    ...(tokens === undefined ? [] : [`${tokens.tokenizer}, length ${tokens.sequence}${cutText(tokens, false)}`]),
  ];
  return `${summary.source}: ${parts.join('; ')}`;
}

function filesText({ files, running }: DataSummary): string {
  return files
    .map(({ path, samples, heading }) => {
      const what = running === undefined ? plural(samples, 'row') : plural(samples, 'text file');
      const told = heading === null ? '' : heading === 'taken' ? ' below a heading' : ', no heading';
      return `${path} with ${what}${told}`;
    })
    .join('; ');
}

function columnsText({ text, pair, label, separator, unused }: NonNullable<DataSummary['columns']>): string {
  const others = unused.names.join(', ') + (unused.count > unused.names.length ? ', ...' : '');
  const second = pair === undefined ? '' : `the second text ${pair}, `;
  return (
    `the text is ${text}, ${second}the label ${label}` +
    (separator === 'keys' ? '' : `, separated by ${separator}s`) +
    (unused.count === 0 ? '' : `; not used: ${others}`)
  );
}

/** Each class with its samples for training and for validation. */
function classesText({ count: total, most, least }: NonNullable<DataSummary['classes']>): string {
  const list = (counts: readonly ClassCount[]): string =>
    counts.map(({ name, train, validation }) => `${name} (${count(train)} + ${count(validation)})`).join(', ');
  const listed = least.length === 0 ? list(most) : `the most ${list(most)}; the least ${list(least)}`;
  return `${count(total)} (training + validation samples): ${listed}`;
}

const imageText = ({ height, width, channels }: NonNullable<DataSummary['image']>): string =>
  `${height} x ${width} pixels, ${plural(channels, 'channel')}`;

const runningText = ({
  trainCharacters,
  validationCharacters,
  trainTokens,
  validationTokens,
}: NonNullable<DataSummary['running']>): string =>
  `${count(trainCharacters)} + ${count(validationCharacters)} characters, ${count(trainTokens)} + ` +
  `${count(validationTokens)} tokens (training + validation)`;

function splitText({ split, running, files }: DataSummary): string {
  const { how, share: part = 0, seed = 0 } = split;
  switch (how) {
    case 'file':
      return files.length > 1 ? 'a file of its own' : 'files of its own';
    case 'drawn':
      return `${share(part)} of the samples, drawn so that every class keeps its share (splitSeed=${seed})`;
    case 'last':
      return running === undefined ? `the last ${share(part)} of the samples` : `the last ${share(part)} of the text`;
    case 'made':
      return 'drawn like the training samples';
  }
}

const limitText = ({ part, kept, of, setting, isDrawn }: DataSummary['limits'][number]): string =>
  `${part}: ${count(kept)} of ${count(of)} samples, ${isDrawn ? 'drawn by class' : 'the first ones'} (${setting})`;

function tokenLines(tokens: NonNullable<DataSummary['tokens']>): string[] {
  const { tokenizer, size, file, unknown, sequence } = tokens;
  const from = file === null ? (tokenizer === 'bytes' ? '' : ' from the texts themselves') : ` of ${file}`;
  const unknowns =
    unknown === null
      ? ''
      : `; unknown: ${share(unknown.train)} of the training and ${share(unknown.validation)} of the validation tokens`;
  return [
    `tokens: ${tokenizer}, a vocabulary of ${count(size)}${from}${unknowns}`,
    `length: ${plural(sequence, 'token')}, ${lengthSource(tokens)}` + cutText(tokens, true),
  ];
}

function lengthSource({ sequence, isGiven, most }: NonNullable<DataSummary['tokens']>): string {
  if (isGiven) return 'as given';
  return sequence === most ? 'the most that the tokenizer allows' : 'chosen by the training texts';
}

function cutText({ cut, sequence, most }: NonNullable<DataSummary['tokens']>, withOption: boolean): string {
  if (cut === null) return '';
  if (cut.samples === 0) return ', no text is cut';
  const remedy = sequence === most ? '' : ' (sequence=N changes it)';
  const option = withOption ? `; the longest has ${count(cut.longest)}${remedy}` : '';
  return `, ${share(cut.share)} of the texts are cut${option}`;
}

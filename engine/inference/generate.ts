// Generate: text written by a trained language model, one token after the other. Sampling is seeded: the same
// checkpoint writes the same text.
import { setUpRunFrom } from '../checkpoint/resumed-setup.js';
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { continuedConfig } from '../checkpoint/starting-config.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import { randomKey, uniformAt } from '../core/random.js';
import { type Dataset, firstValidationId } from '../data/dataset.js';
import type { RunEventBody } from '../events/events.js';
import type { RunSetup } from '../run/run-setup.js';
import { onProcessor, SingleDevice } from './single-device.js';
import { chooseToken, type TokenChoice } from './token-choice.js';

export interface GenerateOptions extends TokenChoice {
  /** Tokens to write. */
  readonly length: number;
  readonly seed: number;
}

export interface GeneratedText {
  readonly checkpoint: string;
  readonly step: number;
  readonly prompt: string;
  /** What follows on the prompt. */
  readonly text: string;
  /** Tokens that were written. */
  readonly tokens: number;
  /** Tokens of the prompt that the model did not see, since its window is shorter. */
  readonly unseen: number;
}

/** What the sample of a quickstart is written with. */
const SAMPLE = { length: 240, temperature: 0.7, topK: 0, topP: 1 };
/** Share of the model's window that its prompt fills. */
const PROMPT_SHARE = 0.25;

/** A prompt from the validation text, and what the model writes after it. */
export function writeSample(checkpoint: string, setup: RunSetup): Extract<RunEventBody, { type: 'sample' }> {
  const { dataset, config } = setup;
  const window = windowOf(dataset);
  const first = new Int32Array(window);
  dataset.read(firstValidationId(dataset), 'tokens', first, 0);
  const prompt = [...first.subarray(0, Math.max(1, Math.floor(window * PROMPT_SHARE)))];
  const written = continued(checkpoint, setup, prompt, { ...SAMPLE, seed: config.seed });
  const tokenizer = present(dataset.tokenizer, 'tokenizer');
  return { type: 'sample', prompt: tokenizer.decode(prompt), text: tokenizer.decode(written) };
}

/**
 * What a checkpoint of a run writes after `prompt`, with model and data from where `config` says that they are now: the
 * data tell how text becomes tokens. Throws a UsageError (PT_GENERATE) where the run trains no language model or there
 * is no prompt, what the tokenizer throws for a character without an id, and what `setUpRunFrom` throws.
 */
export async function generateText(
  point: ResumePoint,
  config: TrainConfig,
  prompt: string,
  options: GenerateOptions,
): Promise<GeneratedText> {
  const setup = await setUpRunFrom(onProcessor(continuedConfig(config, point)), point);
  const { dataset } = setup;
  const { tokenizer, info } = dataset;
  if (info.task !== 'language-model' || tokenizer === null)
    throw new UsageError(
      'PT_GENERATE',
      `generate continues a text, and the run was trained for ${info.task} on ${dataset.source}`,
      'Name a run of a language model (data of the kind text). Classes of texts: pipetrain predict RUN --text TEXT.',
    );
  const tokens = tokenizer.encode(prompt);
  if (tokens.length === 0)
    throw new UsageError('PT_GENERATE', 'the prompt has no token', 'Give the beginning of a text: --prompt TEXT.');
  const written = continued(point.folder, setup, tokens, options);
  const text = tokenizer.decode([...tokens, ...written]);
  const start = tokenizer.decode(tokens);
  return {
    checkpoint: point.folder,
    step: point.manifest.step,
    prompt,
    // Tokens need not end where characters do: what follows is told by the whole.
    text: text.startsWith(start) ? text.slice(start.length) : tokenizer.decode(written),
    tokens: written.length,
    unseen: Math.max(0, tokens.length - windowOf(dataset)),
  };
}

const windowOf = ({ info }: Dataset): number => present(info.sequence, 'sequence length');

/** The tokens that follow; the model sees as many of those before as its window holds. */
function continued(
  checkpoint: string,
  { dataset, model, config }: RunSetup,
  prompt: readonly number[],
  options: GenerateOptions,
): number[] {
  const { info } = dataset;
  invariant(info.task === 'language-model', () => `a ${info.task} model writes no text`);
  const [window, size] = [windowOf(dataset), present(info.vocabulary, 'vocabulary')];
  const device = new SingleDevice(checkpoint, model, dataset, config.kernels);
  const forward = device.forward(1);
  const input = forward.field('tokens') as Int32Array;
  const tokens = [...prompt];
  const key = randomKey(options.seed, 'sample');
  for (let i = 0; i < options.length; i++) {
    const context = tokens.slice(-window);
    input.fill(0).set(context);
    const logits = forward.run();
    const row = logits.subarray((context.length - 1) * size, context.length * size);
    tokens.push(chooseToken(row, options, uniformAt(key, i)));
  }
  forward.close();
  device.close();
  return tokens.slice(prompt.length);
}

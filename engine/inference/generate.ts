// Generate: text written by a trained language model, one token after the other. Sampling is seeded: the same
// checkpoint writes the same text.
import { invariant, present } from '../core/invariant.js';
import { randomKey, uniformAt } from '../core/random.js';
import { firstValidationId } from '../data/dataset.js';
import type { RunEventBody } from '../events/events.js';
import type { RunSetup } from '../run/run-setup.js';
import { SingleDevice } from './single-device.js';

/** Tokens to write, and how bold the choice is (1 is the model's own distribution). */
const LENGTH = 240;
const TEMPERATURE = 0.7;
/** Share of the model's window that the prompt fills. */
const PROMPT_SHARE = 0.25;

/** A prompt from the validation text, and what the model writes after it. */
export function writeSample(checkpoint: string, setup: RunSetup): Extract<RunEventBody, { type: 'sample' }> {
  const { dataset, model, config } = setup;
  const tokenizer = present(dataset.tokenizer, 'tokenizer');
  const window = present(dataset.info.sequence, 'sequence length');
  invariant(dataset.info.task === 'language-model', () => `a ${dataset.info.task} model writes no text`);
  const first = new Int32Array(window);
  dataset.read(firstValidationId(dataset), 'tokens', first, 0);
  const tokens = [...first.subarray(0, Math.max(1, Math.floor(window * PROMPT_SHARE)))];
  const promptLength = tokens.length;
  const device = new SingleDevice(checkpoint, model, dataset, config.kernels);
  const forward = device.forward('tokens');
  const key = randomKey(config.seed, 'sample');
  for (let i = 0; i < LENGTH; i++) {
    const context = tokens.slice(-window);
    const input = new Int32Array(window);
    input.set(context);
    const logits = forward.run(input);
    const row = logits.subarray((context.length - 1) * tokenizer.size, context.length * tokenizer.size);
    tokens.push(pick(row, uniformAt(key, i)));
  }
  forward.close();
  device.close();
  return {
    type: 'sample',
    prompt: tokenizer.decode(tokens.slice(0, promptLength)),
    text: tokenizer.decode(tokens.slice(promptLength)),
  };
}

/** The token at quantile `u` of the distribution that the logits describe. */
function pick(logits: Float32Array, u: number): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Float64Array.from(logits, (logit) => Math.exp((logit - largest) / TEMPERATURE));
  let rest = u * weights.reduce((a, b) => a + b, 0);
  for (const [token, weight] of weights.entries()) {
    rest -= weight;
    if (rest <= 0) return token;
  }
  return weights.length - 1;
}

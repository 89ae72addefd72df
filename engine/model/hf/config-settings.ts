// ConfigSettings: the kinds of settings of which the config.json of a model family consists, and how a wrong one is
// told: its name, what it is, and what is supported.
import { z } from 'zod';

/** A whole number from 1. */
export const count = z.custom<number>(
  (value) => Number.isSafeInteger(value) && (value as number) > 0,
  'a whole number from 1 is needed',
);
/** A rate of dropout. */
export const rate = z.custom<number>(
  (value) => typeof value === 'number' && value >= 0 && value < 1,
  'a number from 0 and below 1 is needed',
);
export const positive = z.custom<number>(
  (value) => typeof value === 'number' && value > 0 && value < Infinity,
  'a number above 0 is needed',
);
export const flag = z.custom<boolean>((value) => typeof value === 'boolean', 'true or false is needed');
/** The id of a token, where there is one. */
export const tokenId = z.number().int().nullish();

/** One value alone; `why` may say what another one would be. */
export const only = <T>(is: T, why = `only ${JSON.stringify(is)} is supported`): z.ZodType<T, T> =>
  z.custom<T>((value) => value === is, why);

export const oneOf = <T extends string>(values: readonly T[]): z.ZodType<T, T> =>
  z.custom<T>((value) => values.includes(value as T), `supported are ${values.join(', ')}`);

/** What no family supports, and what none passes over. */
export const COMMON_SETTINGS = {
  is_encoder_decoder: only(false, 'only an encoder or a decoder alone is supported').nullish(),
  add_cross_attention: only(false).nullish(),
  pruned_heads: z
    .custom<object>(
      (heads) => typeof heads === 'object' && heads !== null && Object.keys(heads).length === 0,
      'weights without some of their heads are not supported',
    )
    .nullish(),
  quantization_config: z.null({ error: 'quantized weights are not supported; save them as float32' }).optional(),
  auto_map: z.null({ error: 'it names code of its own (auto_map), which is not run' }).optional(),
  problem_type: z.string().nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: count.nullish(),
};

/** Settings that decide no number that is computed here: names, how to write a model, how to go on with a text. */
const NEUTRAL: ReadonlySet<string> = new Set([
  '_name_or_path',
  '_attn_implementation',
  '_attn_implementation_autoset',
  '_commit_hash',
  'architectures',
  'attention_dropout',
  'attention_probs_dropout_prob',
  'attn_pdrop',
  'begin_suppress_tokens',
  'bos_token_id',
  'cache_implementation',
  'chunk_size_feed_forward',
  'classifier_dropout',
  'decoder_start_token_id',
  'dtype',
  'encoder_stride',
  'eos_token_id',
  'finetuning_task',
  'gradient_checkpointing',
  'initializer_factor',
  'initializer_range',
  'keep_in_fp32',
  'label2id',
  'max_length',
  'model_type',
  'output_attentions',
  'output_hidden_states',
  'output_past',
  'pad_token_id',
  'prefix',
  'return_dict',
  'sep_token_id',
  'suppress_tokens',
  'task_specific_params',
  'tokenizer_class',
  'torch_dtype',
  'torchscript',
  'transformers_version',
  'unk_token_id',
  'use_bfloat16',
  'use_cache',
]);

type Settings = Readonly<Record<string, unknown>>;

const shortly = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
};

/** What is wrong with each setting, by its name. */
export const problemsOf = (issues: readonly z.core.$ZodIssue[], json: Settings): string[] =>
  issues.map(({ path, message }) => {
    const value = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
    const key = path.join('.');
    return value === undefined ? `${key} is missing` : `${key} is ${shortly(value)}; ${message}`;
  });

/**
 * What is told of settings that a family does not know, or null. `known` are those that it reads, and those that decide
 * nothing.
 */
export function unknownSettings(json: Settings, known: readonly string[]): string | null {
  const unknown = Object.entries(json).filter(
    ([key, value]) => !NEUTRAL.has(key) && !known.includes(key) && value !== null && value !== false,
  );
  if (unknown.length === 0) return null;
  return (
    `config.json has settings that are not known here and were passed over: ` +
    `${unknown.map(([key, value]) => `${key} ${shortly(value)}`).join(', ')}; check that none of them changes what ` +
    'the model computes'
  );
}

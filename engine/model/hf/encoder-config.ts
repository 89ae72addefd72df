// EncoderConfig: what config.json of a Hugging Face folder says about a BERT encoder, validated. Architectures that
// compute something else are refused here, before any weight is read.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { DESCRIPTION_BYTES, readBoundedText } from '../../core/bounded-file.js';
import { ModelError, PipetrainError } from '../../core/errors.js';

const LIMIT = { maxBytes: DESCRIPTION_BYTES, remedy: 'Download it again; a real one has some kilobytes.' };

const count = z.number().int().positive();
const rate = z.number().min(0).lt(1);

/** Spellings of the activation functions that exist here. */
export const ACTIVATIONS = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu'] as const;

const schema = z.object({
  model_type: z.literal('bert'),
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: z.enum(ACTIVATIONS).default('gelu'),
  hidden_dropout_prob: rate.default(0.1),
  max_position_embeddings: count,
  type_vocab_size: count.default(2),
  layer_norm_eps: z.number().positive().default(1e-12),
  position_embedding_type: z.literal('absolute').default('absolute'),
  is_decoder: z.literal(false).default(false),
  is_encoder_decoder: z.literal(false, { error: 'only an encoder alone is supported' }).nullish(),
  add_cross_attention: z.literal(false, { error: 'only false is supported' }).nullish(),
  pruned_heads: z
    .record(z.string(), z.unknown())
    .refine((heads) => Object.keys(heads).length === 0, {
      error: 'weights without some of their heads are not supported',
    })
    .nullish(),
  quantization_config: z.null({ error: 'quantized weights are not supported; save them as float32' }).optional(),
  auto_map: z.null({ error: 'it names code of its own (auto_map), which is not run' }).optional(),
  pad_token_id: z.number().int().nullish(),
  cls_token_id: z.number().int().nullish(),
  sep_token_id: z.number().int().nullish(),
});
const familySchema = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).nullish() });

export type EncoderConfig = z.infer<typeof schema>;

/** Reads config.json. Throws ModelError PT_HF_FOLDER or PT_HF_CONFIG. */
export function readEncoderConfig(folder: string): EncoderConfig {
  const path = join(folder, 'config.json');
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new ModelError(
      'PT_HF_FOLDER',
      `no such folder: ${folder}`,
      'name a folder with config.json, the weights and vocab.txt after hf:; it is relative to the current folder',
    );
  const adapter = join(folder, 'adapter_config.json');
  if (existsSync(adapter))
    throw new ModelError(
      'PT_HF_CONFIG',
      `${adapter} says that the folder has an adapter (such as LoRA), whose weights would not be added to those of ` +
        'the model',
      'merge it into the model and save that (model.merge_and_unload().save_pretrained(DIR)), or use the model ' +
        'without it',
    );
  if (!existsSync(path))
    throw new ModelError(
      'PT_HF_FOLDER',
      `${folder} has no config.json`,
      'name the folder of a model in the layout of Hugging Face',
    );
  const json = readJson(path);
  requireFamily(path, json);
  const result = schema.safeParse(json);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ModelError(
      'PT_HF_CONFIG',
      `${path} describes no encoder that can be loaded: ${problems.join('; ')}`,
      'encoders of model_type "bert" with absolute positions can be loaded',
    );
  }
  const { hidden_size: width, num_attention_heads: heads } = result.data;
  if (width % heads !== 0)
    throw new ModelError(
      'PT_HF_CONFIG',
      `${path}: hidden_size ${width} is not a multiple of num_attention_heads ${heads}`,
      'use the config.json that belongs to the weights',
    );
  return result.data;
}

/** The family is told before any setting: those of another family mean nothing here. */
function requireFamily(path: string, json: unknown): void {
  const family = familySchema.safeParse(json).data;
  if (family?.model_type === 'bert') return;
  const names = family?.architectures ?? [];
  const made = names.length === 0 ? '' : ` (${names.join(', ')})`;
  throw new ModelError(
    'PT_HF_CONFIG',
    family === undefined
      ? `${path} does not say which family of models it is (model_type)`
      : `${path} is a model of the family "${family.model_type}"${made}; ` +
          'only folders of the family "bert" can be loaded',
    'use a BERT encoder (model_type "bert"), such as all-MiniLM-L6-v2 or bert-base-uncased; ' +
      'for a language model from scratch there is --model gpt',
  );
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readBoundedText(path, LIMIT)) as unknown;
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw new ModelError('PT_HF_CONFIG', `${path} is no JSON file: ${(error as Error).message}`, 'download it again', {
      cause: error,
    });
  }
}

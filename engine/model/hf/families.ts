// Families: the kinds of pretrained models that can be loaded, and from a folder to its definition.
import { ModelError } from '../../core/errors.js';
import type { ModelDefinition } from '../define.js';
import { bert } from './bert.js';
import { deit } from './deit.js';
import { distilbert } from './distilbert.js';
import type { Family } from './family.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { ModelFolder } from './model-folder.js';
import { qwen2 } from './qwen2.js';
import { roberta } from './roberta.js';
import { vit } from './vit.js';

/** Adding one is one file and one line here. */
const FAMILIES: readonly Family[] = [bert, roberta, distilbert, gpt2, llama, mistral, qwen2, vit, deit];

/**
 * The definition of the model in a folder. Throws ModelError PT_HF_FOLDER or PT_HF_CONFIG; weights are looked at when
 * the model is built.
 */
export function pretrainedModel(path: string): ModelDefinition {
  const folder = new ModelFolder(path);
  const { family: type, configFile, architectures } = folder;
  const family = FAMILIES.find((known) => known.type === type);
  if (family !== undefined) return family.define(folder);
  const known = FAMILIES.map((one) => one.type).join(', ');
  const made = architectures.length === 0 ? '' : ` (${architectures.join(', ')})`;
  throw new ModelError(
    'PT_HF_CONFIG',
    type === null
      ? `${configFile} does not say which family of models it is (model_type); families that can be loaded: ${known}`
      : `${configFile} is a model of the family "${type}"${made}; families that can be loaded: ${known}`,
    'use a model of one of these families, or define yours in a file (docs/extending.md)',
  );
}

// Family: models that compute the same function of other sizes: how the config.json and the names of the tensors of
// one kind of pretrained model are read. One file each.
import type { ModelDefinition } from '../define.js';
import type { ModelFolder } from './model-folder.js';

export interface Family {
  /** The `model_type` of its folders. */
  readonly type: string;
  /** The definition for a folder. Throws ModelError PT_HF_CONFIG for settings that are not supported. */
  define(folder: ModelFolder): ModelDefinition;
}

// Registry: the built-in models by name. It loads no files; see load-model.ts.
import { bert } from './bert.js';
import type { ModelDefinition } from './define.js';
import { gpt } from './gpt.js';
import { vit } from './vit.js';

/** Adding one is one file and one line here. */
export const BUILT_IN_MODELS: readonly ModelDefinition[] = [
  // In the order of listings.
  vit,
  bert,
  gpt,
];

/** The built-in model of that name, or null. */
export const builtInModel = (name: string): ModelDefinition | null =>
  BUILT_IN_MODELS.find((model) => model.name === name) ?? null;

// Family `mistral`: Llama's decoder (Jiang et al. 2023) in which a token may see only so many before it.
import type { Family } from './family.js';
import { ROTARY_SETTINGS, rotaryDecoder } from './rotary-decoder.js';

export const mistral: Family = {
  type: 'mistral',
  define(folder) {
    const known = folder.settings('mistral', ROTARY_SETTINGS);
    return rotaryDecoder(folder, known, {
      biases: { qkv: false, out: false, mlp: false },
      architecture: 'MistralForCausalLM',
      window: known.config.sliding_window ?? null,
    });
  },
};

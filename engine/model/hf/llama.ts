// Family `llama`: decoders as published by Touvron et al. 2023, and what is built like them (SmolLM, TinyLlama, ...).
import { flag } from './config-settings.js';
import type { Family } from './family.js';
import { ROTARY_SETTINGS, rotaryDecoder } from './rotary-decoder.js';

const settings = { ...ROTARY_SETTINGS, attention_bias: flag.default(false), mlp_bias: flag.default(false) };
/** How products were divided among machines, and other spellings of what rotary positions are. */
const NEUTRAL = ['pretraining_tp', 'rope_interleaved', 'is_llama_config'];

export const llama: Family = {
  type: 'llama',
  define(folder) {
    const known = folder.settings('llama', settings, NEUTRAL);
    const { attention_bias, mlp_bias, sliding_window } = known.config;
    return rotaryDecoder(folder, known, {
      biases: { qkv: attention_bias, out: attention_bias, mlp: mlp_bias },
      architecture: 'LlamaForCausalLM',
      window: sliding_window ?? null,
    });
  },
};

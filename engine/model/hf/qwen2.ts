// Family `qwen2`: Llama's decoder with biases of queries, keys and values (Yang et al. 2024).
import { flag } from './config-settings.js';
import type { Family } from './family.js';
import { ROTARY_SETTINGS, rotaryDecoder } from './rotary-decoder.js';

const settings = {
  ...ROTARY_SETTINGS,
  use_sliding_window: flag.default(false),
};
/** From which layer on the window counts; where it counts in some, it is taken to count in all. */
const NEUTRAL = ['max_window_layers', 'use_mrope'];

export const qwen2: Family = {
  type: 'qwen2',
  define(folder) {
    const known = folder.settings('qwen2', settings, NEUTRAL);
    const { use_sliding_window, layer_types, sliding_window } = known.config;
    const isLimited = use_sliding_window || (layer_types ?? []).some((type) => type !== 'full_attention');
    return rotaryDecoder(folder, known, {
      biases: { qkv: true, out: false, mlp: false },
      architecture: 'Qwen2ForCausalLM',
      window: isLimited ? (sliding_window ?? null) : null,
    });
  },
};

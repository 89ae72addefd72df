// Rotary: positions as rotations of pairs of features (Su et al. 2021), as the Llama family has them: feature i goes
// with feature i + E / 2. Shape suffixes: B samples, T tokens, H heads, E features of a head.
import * as tf from '../../tensor/tf.js';
import type { ModelFolder } from './model-folder.js';

/** How far pair i turns from one token to the next, in radians; E / 2 of them. */
export type Frequencies = readonly number[];

/** What config.json says of it, in the spelling of transformers 4 or 5. */
export interface RotarySettings {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Readonly<Record<string, unknown>> | null | undefined;
  readonly rope_parameters?: Readonly<Record<string, unknown>> | null | undefined;
  readonly partial_rotary_factor?: number | null | undefined;
}

const DEFAULT_THETA = 10_000;
const KINDS = ['default', 'linear', 'llama3'] as const;
type Kind = (typeof KINDS)[number];
/** Keys that say the same as another one, or nothing. */
const PASSED = ['rope_type', 'type', 'rope_theta', 'partial_rotary_factor'];
/** What a kind has to say. */
const NUMBERS: Readonly<Record<Kind, readonly string[]>> = {
  default: [],
  linear: ['factor'],
  llama3: ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'],
};
/** The numbers of the kind, and no others, are there. */
interface Said {
  readonly rope_theta?: number | null;
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/** Throws where the same thing is said twice, or the base of the frequencies is no number above 0. */
function refuseContradictions(folder: ModelFolder, { rope_parameters, rope_scaling }: RotarySettings): void {
  if (rope_parameters != null && rope_scaling != null)
    throw folder.unsupported(
      'rope_parameters and rope_scaling are both there, and versions of transformers take one or the other; keep one',
    );
  const theta = (rope_parameters ?? rope_scaling)?.['rope_theta'];
  if (theta != null && !(typeof theta === 'number' && theta > 0))
    throw folder.unsupported(`rope_parameters.rope_theta is ${JSON.stringify(theta)}; a number above 0 is needed`);
}

/** The scaling that is asked for: its kind, and its numbers by name. Throws where it is not supported. */
function scalingOf(folder: ModelFolder, settings: RotarySettings): { readonly kind: Kind; readonly said: Said } {
  refuseContradictions(folder, settings);
  const said = settings.rope_parameters ?? settings.rope_scaling ?? {};
  const key = settings.rope_parameters == null ? 'rope_scaling' : 'rope_parameters';
  const asked = said['rope_type'] ?? said['type'] ?? 'default';
  const kind = KINDS.find((known) => known === asked);
  if (kind === undefined)
    throw folder.unsupported(`${key}.rope_type is ${JSON.stringify(asked)}; supported are ${KINDS.join(', ')}`);
  const partial = said['partial_rotary_factor'] ?? settings.partial_rotary_factor ?? 1;
  if (partial !== 1)
    throw folder.unsupported(`partial_rotary_factor is ${JSON.stringify(partial)}; only 1 is supported`);
  const other = Object.keys(said).find((name) => ![...PASSED, ...NUMBERS[kind]].includes(name) && said[name] != null);
  if (other !== undefined)
    throw folder.unsupported(`${key}.${other} is ${JSON.stringify(said[other])}, which is not known of ${kind}`);
  const wrong = NUMBERS[kind].find((name) => !(typeof said[name] === 'number' && said[name] > 0));
  if (wrong !== undefined)
    throw folder.unsupported(`${key}.${wrong} is ${JSON.stringify(said[wrong] ?? null)}; a number above 0 is needed`);
  return { kind, said: said as unknown as Said };
}

/** The frequencies for heads of E features. Throws ModelError PT_HF_CONFIG for what is not supported. */
export function frequenciesOf(folder: ModelFolder, settings: RotarySettings, E: number): Frequencies {
  if (E % 2 !== 0) throw folder.unsupported(`head_dim is ${E}; rotary positions need an even number`);
  const { kind, said } = scalingOf(folder, settings);
  const theta = said.rope_theta ?? settings.rope_theta ?? DEFAULT_THETA;
  const plain = Array.from({ length: E / 2 }, (_, i) => theta ** ((-2 * i) / E));
  if (kind === 'default') return plain;
  const { factor } = said;
  if (kind === 'linear') return plain.map((frequency) => frequency / factor);
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = said;
  if (low >= high) throw folder.unsupported(`low_freq_factor ${low} is not below high_freq_factor ${high}`);
  return plain.map((frequency) => {
    // Turns within the length of the pretraining: slow pairs are slowed down, quick ones are left, between is between.
    const turns = (original * frequency) / (2 * Math.PI);
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return (1 - share) * (frequency / factor) + share * frequency;
  });
}

/** The rotations of T tokens: cosines and sines [T, 1, E / 2]. Constants of the program that is traced. */
export function rotations(frequencies: Frequencies, T: number): { readonly cos: tf.Tensor; readonly sin: tf.Tensor } {
  const shape: [number, number, number] = [T, 1, frequencies.length];
  const angles = Array.from({ length: T }, (_, t) => frequencies.map((frequency) => t * frequency)).flat();
  return {
    cos: tf.tensor3d(Float32Array.from(angles, Math.cos), shape),
    sin: tf.tensor3d(Float32Array.from(angles, Math.sin), shape),
  };
}

/** Rotates the heads of `x` [B, T, H * E]. */
export function rotate(x: tf.Tensor, { cos, sin }: ReturnType<typeof rotations>): tf.Tensor {
  const [B = 1, T = 1, D = 1] = x.shape;
  const half = cos.shape.at(-1) as number;
  const x_BTHE = tf.reshape(x, [B, T, D / (2 * half), 2 * half]);
  const [first, second] = tf.split(x_BTHE, 2, -1) as [tf.Tensor, tf.Tensor];
  const turned = tf.concat(
    [tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))],
    -1,
  );
  return tf.reshape(turned, [B, T, D]);
}

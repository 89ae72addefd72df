// Activations: the functions inside the MLPs of pretrained models, by the names that their config.json has for them.
import * as nn from '../../tensor/nn.js';
import * as tf from '../../tensor/tf.js';
import { oneOf } from './config-settings.js';

/** The tanh form of gelu, as in the first release. */
function geluTanh(x: tf.Tensor): tf.Tensor {
  const cubic = tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(tf.mul(cubic, Math.sqrt(2 / Math.PI))), 1));
}

const silu = (x: tf.Tensor): tf.Tensor => tf.mul(x, tf.sigmoid(x));

export const ACTIVATION = {
  gelu: nn.gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu: tf.relu,
  silu,
  swish: silu,
} as const satisfies Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>>;

export type ActivationName = keyof typeof ACTIVATION;

/** A setting that names one. */
export const activation = oneOf(Object.keys(ACTIVATION) as ActivationName[]);

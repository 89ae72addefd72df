// Host update: what an optimizer does to a run of weights, as loops in JavaScript, for executors that run no ONNX.
// Every single operation is rounded to 32 bits, so the results are those of the ONNX models of update-rule.ts, bit for
// bit.
import { present } from '../core/invariant.js';
import type { OptimizerSpec } from './update-rule.js';

/** Updates elements `from` to `to - 1` in place. `scalars` are those of the rule, in its order. */
export type HostUpdate = (
  weights: Float32Array,
  grads: Float32Array,
  states: readonly Float32Array[],
  from: number,
  to: number,
  scalars: Float32Array,
) => void;

const f32 = Math.fround;

export function hostUpdate(spec: OptimizerSpec): HostUpdate {
  if (spec.kind === 'adamw') return adamW;
  if (spec.momentum === 0) return plainSgd;
  return spec.nesterov ? nesterov : heavyBall;
}

const adamW: HostUpdate = (weights, grads, states, from, to, scalars) => {
  const [scale, beta1, rest1, beta2, rest2, keep, step, epsilon] = scalars as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const first = present(states[0], 'first moments');
  const second = present(states[1], 'second moments');
  for (let i = from; i < to; i++) {
    const g = f32((grads[i] as number) * scale);
    const m = f32(f32((first[i] as number) * beta1) + f32(g * rest1));
    const v = f32(f32((second[i] as number) * beta2) + f32(f32(g * g) * rest2));
    first[i] = m;
    second[i] = v;
    const direction = f32(m / f32(f32(Math.sqrt(v)) + epsilon));
    weights[i] = f32(f32((weights[i] as number) * keep) - f32(direction * step));
  }
};

/** The gradient after scaling and weight decay. */
const decayed = (weight: number, gradient: number, scale: number, decay: number): number =>
  f32(f32(gradient * scale) + f32(weight * decay));

const plainSgd: HostUpdate = (weights, grads, _, from, to, scalars) => {
  const [scale, decay, rate] = scalars as unknown as [number, number, number];
  for (let i = from; i < to; i++) {
    const weight = weights[i] as number;
    weights[i] = f32(weight - f32(decayed(weight, grads[i] as number, scale, decay) * rate));
  }
};

/** Momentum; `direction` says which way the weights go, given the gradient and the new velocity. */
const withMomentum =
  (direction: (gradient: number, velocity: number, momentum: number) => number): HostUpdate =>
  (weights, grads, states, from, to, scalars) => {
    const [scale, decay, rate, momentum] = scalars as unknown as [number, number, number, number];
    const velocities = present(states[0], 'velocities');
    for (let i = from; i < to; i++) {
      const weight = weights[i] as number;
      const gradient = decayed(weight, grads[i] as number, scale, decay);
      const velocity = f32(f32((velocities[i] as number) * momentum) + gradient);
      velocities[i] = velocity;
      weights[i] = f32(weight - f32(direction(gradient, velocity, momentum) * rate));
    }
  };

const heavyBall = withMomentum((_, velocity) => velocity);
const nesterov = withMomentum((gradient, velocity, momentum) => f32(gradient + f32(velocity * momentum)));

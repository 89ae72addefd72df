// One block computed op by op on a TensorFlow.js backend, with its autodiff: the oracle of compiled stages. Numbers in
// and out by role.
import { present } from '../../engine/core/invariant.js';
import type { BlockContext, Model } from '../../engine/model/block.js';
import * as nn from '../../engine/tensor/nn.js';
import type { Port } from '../../engine/tensor/program.js';
import { computeDtype, type HostArray, type NumberArray } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import type { Values } from './stage-run.js';

export interface EagerBlock {
  readonly model: Model;
  readonly index: number;
  /** Shapes of what the block reads, by role. */
  readonly ports: ReadonlyMap<string, Port>;
  readonly values: Values;
}

const toArray = (x: tf.Tensor): HostArray => Float32Array.from(x.dataSync());

/** Runs `body` on a backend; no tensor may outlive it. */
function onBackend(backend: string, body: () => Map<string, HostArray>): Map<string, HostArray> {
  const previous = tf.getBackend();
  void tf.setBackend(backend);
  const before = tf.memory().numTensors;
  let result = new Map<string, HostArray>();
  tf.tidy(() => void (result = body()));
  if (tf.memory().numTensors !== before)
    throw new Error(`${tf.memory().numTensors - before} tensors leaked on ${backend}`);
  void tf.setBackend(previous);
  return result;
}

function reader({ ports, values }: EagerBlock): (role: string) => tf.Tensor {
  return (role) => {
    const { shape, dtype } = present(ports.get(role), role);
    return tf.tensor(present(values.get(role), role).slice() as NumberArray, [...shape], computeDtype(dtype));
  };
}

function contextOf(index: number, isTraining: boolean, read: (role: string) => tf.Tensor): BlockContext {
  return {
    isTraining,
    field: (name) => read(`field ${name}`),
    dropout: (x, rate, tag) => (isTraining && rate > 0 ? nn.dropout(x, read(`noise ${index}/${tag}`), rate) : x),
  };
}

const weightedSum = (perSample: tf.Tensor, read: (role: string) => tf.Tensor): tf.Tensor =>
  tf.sum(tf.mul(perSample, read('field #weight')));

/** As `runTraining`: activation or loss, gradient, paramGrads. */
export function trainEagerly(backend: string, given: EagerBlock): Map<string, HostArray> {
  const { model, index } = given;
  const block = present(model.blocks[index], `block ${index}`);
  return onBackend(backend, () => {
    const read = reader(given);
    const context = contextOf(index, true, read);
    const isLast = index === model.blocks.length - 1;
    const names = Object.keys(block.params);
    const x = index === 0 ? [] : [read('activation')];
    const weights = names.map((name) => read(`param ${index}/${name}`));
    const compute = (): tf.Tensor => {
      const y = block.forward(
        x[0] ?? null,
        Object.fromEntries(names.map((name, i) => [name, present(weights[i], name)])),
        context,
      );
      return isLast ? weightedSum(model.loss(y, context), read) : y;
    };
    const { value, grads } = tf.engine().gradients(compute, [...x, ...weights], isLast ? undefined : read('gradient'));
    const roles = [...(index === 0 ? [] : ['gradient']), ...names.map((name) => `paramGrad ${index}/${name}`)];
    return new Map([
      [isLast ? 'loss' : 'activation', toArray(value)],
      ...roles.map((role, i) => [role, toArray(present(grads[i], role))] as const),
    ]);
  });
}

/** Forward without dropout: the output of the block, and behind the last one what is told of every sample. */
export function evaluateEagerly(backend: string, given: EagerBlock): Map<string, HostArray> {
  const { model, index } = given;
  const block = present(model.blocks[index], `block ${index}`);
  return onBackend(backend, () => {
    const read = reader(given);
    const context = contextOf(index, false, read);
    const params = Object.fromEntries(Object.keys(block.params).map((name) => [name, read(`param ${index}/${name}`)]));
    const y = block.forward(index === 0 ? null : read('activation'), params, context);
    const results: [string, tf.Tensor][] = [['activation', y]];
    if (index === model.blocks.length - 1) {
      results.push(['losses', model.loss(y, context)]);
      if (model.score !== null) results.push(['scores', model.score(y, context)]);
      if (model.outcome !== undefined) results.push(['outcome', model.outcome.of(y, context)]);
    }
    return new Map(results.map(([role, tensor]) => [role, toArray(tensor)]));
  });
}

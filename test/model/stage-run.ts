// Runs the programs of a compiled stage on buffers named by role, e.g. `param 1/wq`. No schedule, no workers.
import { present } from '../../engine/core/invariant.js';
import type { StagePrograms } from '../../engine/model/compile.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { type Port, type Program, roleName } from '../../engine/tensor/program.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import { runProgram } from '../tensor/parity.js';

/** Numbers by role. */
export type Values = ReadonlyMap<string, HostArray>;

export function runByRole(executor: Executor, program: Program, values: Values): Map<string, HostArray> {
  const inputs = program.inputs.map(({ role }) =>
    present(values.get(roleName(role)), `${roleName(role)} of ${program.name}`),
  );
  const outputs = runProgram(executor, program, inputs);
  return new Map(program.outputs.map(({ role }, i) => [roleName(role), present(outputs[i], roleName(role))]));
}

/**
 * Forward and backward: the activation or the loss, the gradient for the stage below, and those of the parameters.
 * `split` computes the two apart.
 */
export function runTraining(
  executor: Executor,
  stage: StagePrograms,
  values: Values,
  split = false,
): Map<string, HostArray> {
  const forward = runByRole(executor, stage.forward, values);
  const isSaved = (name: string): boolean => name.startsWith('saved ');
  const known = new Map([...values, ...[...forward].filter(([name]) => isSaved(name))]);
  const programs = split
    ? [...(stage.split.input === null ? [] : [stage.split.input]), stage.split.weight]
    : [stage.backward];
  const gradients = programs.flatMap((program) => {
    const results = [...runByRole(executor, program, known)];
    for (const [name, data] of results) if (name.startsWith('carried ')) known.set(name, data);
    return results.filter(([name]) => !name.startsWith('carried '));
  });
  return new Map([...[...forward].filter(([name]) => !isSaved(name)), ...gradients]);
}

/** What the programs of a stage ask for from outside. */
export function portsOf({ forward, backward, evaluate }: StagePrograms): Map<string, Port> {
  const ports = [forward, backward, evaluate]
    .flatMap(({ inputs }) => inputs)
    .filter(({ role }) => role.kind !== 'saved');
  return new Map(ports.map((port) => [roleName(port.role), port]));
}

/**
 * Largest difference as a share of the largest reference number. Infinite where lengths differ, or where only zeros are
 * right.
 */
export function relativeError(actual: ArrayLike<number>, expected: HostArray | Float64Array): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 0;
  let worst = 0;
  expected.forEach((x, i) => {
    const error = Math.abs((actual[i] as number) - x);
    // A NaN must not pass for a small error.
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    scale = Math.max(scale, Math.abs(x));
  });
  return worst === 0 ? 0 : worst / scale;
}

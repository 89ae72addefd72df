// Writes a program call by call, for tests.
import { present } from '../../engine/core/invariant.js';
import { WIDEN } from '../../engine/tensor/fused/rounding.js';
import type { Attrs, ValueId } from '../../engine/tensor/graph.js';
import type { Port, Program } from '../../engine/tensor/program.js';
import { GraphRecorder } from '../../engine/tensor/recorder.js';
import type { PortDType, Shape } from '../../engine/tensor/shape.js';

export class Writer {
  readonly #recorder = new GraphRecorder();
  readonly #inputs: Port[] = [];

  input(dtype: PortDType, shape: Shape): ValueId {
    const value = this.#recorder.declare({ shape, dtype });
    this.#inputs.push({ role: { kind: 'plain', name: `in${value}` }, value, shape, dtype });
    return value;
  }

  /** A bfloat16 input, as the float32 that it stands for. */
  half(shape: Shape): ValueId {
    return this.call(WIDEN, [this.input('bfloat16', shape)]);
  }

  call(op: string, inputs: readonly ValueId[], attrs: Attrs = {}): ValueId {
    return present(this.#recorder.call(op, inputs, attrs)[0], 'a result');
  }

  program(outputs: readonly ValueId[]): Program {
    const graph = this.#recorder.graph();
    return {
      name: 'p',
      graph,
      inputs: this.#inputs,
      outputs: outputs.map((value) => {
        const { shape, dtype } = present(graph.values[value], 'a value');
        return { role: { kind: 'plain', name: `out${value}` }, value, shape, dtype: dtype as PortDType };
      }),
    };
  }
}

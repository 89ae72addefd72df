// Wide ports: a program whose bfloat16 tensors cross its border as float32, for devices that compute with bfloat16 but
// can neither take nor give one. The caller's buffers stay what they are; they are converted around each run.
import { roundToBfloat16, widenBfloat16 } from './bfloat16.js';
import type { PortBuffer } from './device-memory.js';
import type { LoadedProgram } from './executor.js';
import { ROUND, WIDEN } from './fused/rounding.js';
import type { Node, Value } from './graph.js';
import { portTensors } from './port-tensors.js';
import type { Port, Program } from './program.js';
import type { HostArray } from './shape.js';

const isNarrow = ({ dtype }: Port): boolean => dtype === 'bfloat16';

/** The same computation between float32 ports. */
function widened(program: Program): Program {
  const values: Value[] = [...program.graph.values];
  const before: Node[] = [];
  const after: Node[] = [];
  const port = (narrow: Port, nodes: Node[], isInput: boolean): Port => {
    if (!isNarrow(narrow)) return narrow;
    const wide: Value = { id: values.length, shape: narrow.shape, dtype: 'float32' };
    values.push(wide);
    const [from, to] = isInput ? [wide.id, narrow.value] : [narrow.value, wide.id];
    nodes.push({ op: isInput ? ROUND : WIDEN, inputs: [from], outputs: [to], attrs: {} });
    return { ...narrow, value: wide.id, dtype: 'float32' };
  };
  const inputs = program.inputs.map((input) => port(input, before, true));
  const outputs = program.outputs.map((output) => port(output, after, false));
  return {
    ...program,
    inputs,
    outputs,
    graph: { ...program.graph, values, nodes: [...before, ...program.graph.nodes, ...after] },
  };
}

/** Loads a program with `load`, which is never given one with a bfloat16 at its border. */
export function loadWithWidePorts(program: Program, load: (wide: Program) => LoadedProgram): LoadedProgram {
  if (![...program.inputs, ...program.outputs].some(isNarrow)) return load(program);
  const loaded = load(widened(program));
  const staged = (what: string, ports: readonly Port[], buffers: readonly PortBuffer[]): HostArray[] =>
    portTensors(`${program.name}: ${what}`, ports, buffers).map(({ data }) =>
      data instanceof Uint16Array ? new Float32Array(data.length) : data,
    );
  return {
    program,
    bind: (inputs, outputs) => {
      const [from, to] = [staged('inputs', program.inputs, inputs), staged('outputs', program.outputs, outputs)];
      const bound = loaded.bind(from, to);
      return {
        run: () => {
          inputs.forEach((data, i) => {
            if (data instanceof Uint16Array) widenBfloat16(data, from[i] as Float32Array);
          });
          bound.run();
          outputs.forEach((data, i) => {
            if (data instanceof Uint16Array) roundToBfloat16(to[i] as Float32Array, data);
          });
        },
        free: () => bound.free(),
      };
    },
    free: () => loaded.free(),
  };
}

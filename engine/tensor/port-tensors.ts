// Port tensors: the caller's buffers checked against the ports of a program. It holds no buffer.
import { invariant, present } from '../core/invariant.js';
import { isOnDevice, type PortBuffer } from './device-memory.js';
import { type Port, roleName } from './program.js';
import { dtypeOf, type HostArray, type Shape, sizeOf } from './shape.js';

/** A caller's buffer and the shape that a run sees; the element type is the array's. */
export interface HostTensor {
  readonly data: HostArray;
  readonly dims: Shape;
}

/** The buffers with the shapes of their ports. `what` begins the message where one does not fit. */
export function portTensors(what: string, ports: readonly Port[], buffers: readonly PortBuffer[]): HostTensor[] {
  invariant(ports.length === buffers.length, () => `${what}: ${ports.length} ports, ${buffers.length} buffers`);
  return ports.map((port, i) => {
    const data = present(buffers[i], `${what}: buffer ${i}`);
    invariant(!isOnDevice(data), () => `${what}: the buffer of "${roleName(port.role)}" is in the memory of a device`);
    const dtype = dtypeOf(data);
    invariant(
      dtype === port.dtype && data.length === sizeOf(port.shape),
      () =>
        `${what}: port "${roleName(port.role)}" is ${port.dtype}[${port.shape.join()}], ` +
        `its buffer ${dtype} with ${data.length} elements`,
    );
    return { data, dims: port.shape };
  });
}

// TorchBinding: a program of libtorch tied to memory: of the device, where nothing crosses, or of the host, whose
// arrays cross at every run. Where the device is the processor, tensors lie over those too, and are counted all the
// same. It knows nothing of how the program computes.
import { invariant } from '../../core/invariant.js';
import { isOnDevice, type PortBuffer, portDtypeOf } from '../device-memory.js';
import type { BoundProgram } from '../executor.js';
import { addressOf } from '../native.js';
import { type Port, type Program, roleName } from '../program.js';
import { type HostArray, sizeOf } from '../shape.js';
import type { Handle, Tensors } from './tensors.js';
import type { TorchBuffer, TorchMemory } from './torch-memory.js';

/** A program that computes tensors from tensors. */
export interface TensorProgram {
  readonly program: Program;
  /** Throws a ModelError (PT_EXECUTOR) where an index that comes in by a port lies outside of its axis. */
  checkIndices(integersOf: (port: number) => Int32Array): void;
  /**
   * The tensors of the output ports, which are the caller's, for those of the input ports, which stay the caller's. An
   * output may share the memory of an input or of another output. `into` has memory for each output that may be written
   * while it is computed, else null; an output that was written there is returned as just that.
   */
  compute(inputs: readonly Handle[], into: readonly (Handle | null)[]): Handle[];
}

/** A port with what it is bound to. */
interface Tie {
  readonly buffer: HostArray | TorchBuffer;
  /** Over the memory of the buffer. */
  readonly handle: Handle;
  /** Whether the buffer is in the memory of the host, and the device is not the processor. */
  readonly isAway: boolean;
}

export class TorchBinding implements BoundProgram {
  readonly #program: TensorProgram;
  readonly #memory: TorchMemory;
  readonly #onFree: () => void;
  readonly #inputs: readonly Tie[];
  readonly #outputs: readonly Tie[];
  /** Whether writing an output could change what another one is read from. */
  readonly #overlaps: boolean;
  /** Memory that may be written while results are computed. */
  readonly #into: readonly (Handle | null)[];
  #freed = false;

  constructor(
    program: TensorProgram,
    memory: TorchMemory,
    inputs: readonly PortBuffer[],
    outputs: readonly PortBuffer[],
    onFree: () => void,
  ) {
    const { name, inputs: inputPorts, outputs: outputPorts } = program.program;
    this.#program = program;
    this.#memory = memory;
    this.#onFree = onFree;
    this.#inputs = tied(`${name}: inputs`, this.#tensors, inputPorts, inputs);
    this.#outputs = tied(`${name}: outputs`, this.#tensors, outputPorts, outputs);
    this.#overlaps = this.#outputs.some((output) =>
      this.#inputs.some((input) => isOverlapping(input.buffer, output.buffer)),
    );
    this.#into = this.#outputs.map(({ handle, isAway }) => (isAway || this.#overlaps ? null : handle));
  }

  run(): void {
    const program = this.#program;
    invariant(!this.#freed, () => `${program.program.name}: the binding is freed`);
    program.checkIndices((port) => this.#integersOf(this.#inputs[port] as Tie));
    for (const { buffer } of this.#inputs) if (!isOnDevice(buffer)) this.#memory.note(buffer, 'toDevice');
    const tensors = this.#tensors;
    const brought: Handle[] = [];
    const from = this.#inputs.map(({ handle, isAway }) => {
      if (!isAway) return handle;
      const own = tensors.keep(tensors.toDevice(handle));
      brought.push(own);
      return own;
    });
    try {
      this.#leave(program.compute(from, this.#into));
    } finally {
      for (const handle of brought) tensors.delete(handle);
    }
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const { handle } of [...this.#inputs, ...this.#outputs]) this.#tensors.delete(handle);
    this.#onFree();
  }

  /** Writes the results where the caller wants them. */
  #leave(results: readonly Handle[]): void {
    const tensors = this.#tensors;
    // All are read before the first is written: an output may be bound to the memory of an input, and be that input.
    const read = this.#overlaps ? results.map((handle) => tensors.keep(tensors.clone(handle))) : results;
    read.forEach((handle, i) => {
      const { buffer, handle: to } = this.#outputs[i] as Tie;
      if (isOnDevice(buffer)) buffer.noteWritten();
      else this.#memory.note(buffer, 'toHost');
      if (handle === to) return;
      tensors.copyInto(to, handle);
      tensors.delete(handle);
    });
    if (this.#overlaps) for (const handle of results) tensors.delete(handle);
  }

  /** The integers of a port on the host; read back from the device where a program has computed them. */
  #integersOf({ buffer }: Tie): Int32Array {
    if (!isOnDevice(buffer)) return buffer as Int32Array;
    const known = buffer.integers;
    if (known !== null) return known;
    const read = new Int32Array(buffer.length);
    buffer.download(read);
    return read;
  }

  get #tensors(): Tensors {
    return this.#memory.aten.tensors;
  }
}

function tied(what: string, tensors: Tensors, ports: readonly Port[], buffers: readonly PortBuffer[]): Tie[] {
  invariant(ports.length === buffers.length, () => `${what}: ${ports.length} ports, ${buffers.length} buffers`);
  return ports.map((port, i) => {
    const buffer = buffers[i] as HostArray | TorchBuffer;
    const dtype = portDtypeOf(buffer);
    invariant(
      dtype === port.dtype && buffer.length === sizeOf(port.shape),
      () =>
        `${what}: port "${roleName(port.role)}" is ${port.dtype}[${port.shape.join()}], ` +
        `its buffer ${dtype} with ${buffer.length} elements`,
    );
    if (isOnDevice(buffer)) return { buffer, handle: buffer.view(port.shape), isAway: false };
    const handle = tensors.over(buffer, port.shape, dtype);
    return { buffer, handle, isAway: tensors.library.device.type !== 'cpu' };
  });
}

function isOverlapping(a: HostArray | TorchBuffer, b: HostArray | TorchBuffer): boolean {
  if (isOnDevice(a) || isOnDevice(b)) return isOnDevice(a) && isOnDevice(b) && a.overlaps(b);
  const [from, to] = [addressOf(a), addressOf(b)];
  return from < to + BigInt(b.byteLength) && to < from + BigInt(a.byteLength);
}

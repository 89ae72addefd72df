// OrtValues: the caller's buffers as ONNX Runtime sees them: a C array of tensors that point into JavaScript, shared or
// mapped memory.
import { invariant, present } from '../core/invariant.js';
import { addressOf, type Pointer } from './native.js';
import type { HostTensor } from './onnx-executor.js';
import type { OrtApi } from './ort-api.js';
import { dtypeOf, sizeOf } from './shape.js';

/** Element types of the C interface. */
const ELEMENT_TYPE = { float32: 1, int32: 6, bfloat16: 16 } as const;
const BIND_HINT = 'This is a defect of pipetrain; please report it with the model.';

/** A C array of OrtValues over the caller's memory; keeps that memory referenced until `release`. */
export class OrtValues {
  readonly address: Pointer;
  readonly #api: OrtApi;
  readonly #table: BigUint64Array;
  #backing: readonly ArrayBufferView[];
  #count = 0;

  constructor(api: OrtApi, memory: Pointer, program: string, tensors: readonly HostTensor[]) {
    this.#api = api;
    this.#table = new BigUint64Array(Math.max(1, tensors.length));
    this.address = addressOf(this.#table);
    // An empty array has no address, and the library wants one even where it reads nothing.
    this.#backing = tensors.map(({ data }) => (data.byteLength === 0 ? new Float64Array(1) : data));
    try {
      tensors.forEach((tensor, i) => {
        const backing = present(this.#backing[i], 'a buffer');
        this.#table[i] = this.#newValue(memory, program, tensor, backing);
        this.#count++;
      });
    } catch (error) {
      this.release();
      throw error;
    }
  }

  #newValue(memory: Pointer, program: string, { data, dims }: HostTensor, backing: ArrayBufferView): Pointer {
    invariant(sizeOf(dims) === data.length, () => `${program}: dims [${dims.join()}] for ${data.length} elements`);
    const sizes = BigInt64Array.from(dims, BigInt);
    const type = ELEMENT_TYPE[dtypeOf(data)];
    return this.#api.create(`Program "${program}" cannot be bound`, BIND_HINT, (out) =>
      this.#api.call.createTensorWithData(memory, addressOf(backing), data.byteLength, sizes, dims.length, type, out),
    );
  }

  /** The OrtValue of one tensor. */
  at(index: number): Pointer {
    return present(this.#table[index], 'a value');
  }

  release(): void {
    for (let i = 0; i < this.#count; i++) this.#api.call.releaseValue(present(this.#table[i], 'a value'));
    this.#count = 0;
    this.#backing = [];
  }
}

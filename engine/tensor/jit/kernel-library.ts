// KernelLibrary: the kernels of one executor, generated when a model first asks for them, as custom operators of ONNX
// Runtime. It runs none itself.
import { invariant } from '../../core/invariant.js';
import { addressOf, type Pointer } from '../native.js';
import type { OrtApi } from '../ort-api.js';
import { sizeOf } from '../shape.js';
import { KERNEL_DOMAIN, type KernelSpec, makeKernel, operatorOf } from './catalogue.js';
import { ExecutableMemory } from './executable-memory.js';
import {
  FUNCTIONS,
  glue,
  type GlueFunction,
  MOST_INPUTS,
  MOST_OUTPUTS,
  OP_VERSION,
  OUTPUT_BYTES,
  RECORD,
} from './glue.js';
import type { Kernel } from './kernel.js';

const LINE = 64;
const SMALLEST_SCRATCH = 4 * 2 ** 20;
const ELEMENT_TYPE = { float32: 1, int32: 6, bfloat16: 16 } as const;
const HINT = 'Switch kernels off (--kernels off) and report this.';

/** A record (see glue.ts) and what it points to. */
interface OperatorRecord {
  readonly address: Pointer;
  readonly held: readonly unknown[];
}

interface PlacedKernel {
  readonly kernel: Kernel;
  readonly address: Pointer;
  readonly scratch: Pointer;
}

export class KernelLibrary {
  readonly #api: OrtApi;
  readonly #glue: ExecutableMemory;
  readonly #offsets: Readonly<Record<GlueFunction, number>>;
  readonly #regions: ExecutableMemory[];
  readonly #kernels = new Map<string, PlacedKernel>();
  readonly #operators = new Map<string, OperatorRecord>();
  /** All that were ever handed out: a kernel knows the address of its own. */
  readonly #scratches: Uint8Array[] = [];

  /** Throws where the system forbids executable memory. */
  constructor(api: OrtApi) {
    this.#api = api;
    const { code, offsets } = glue();
    this.#glue = sealed(code);
    this.#offsets = offsets;
    this.#regions = [this.#glue];
  }

  /**
   * A domain of operators for the session options of one model. It must be released, and the library freed, after the
   * session.
   */
  domain(names: readonly string[]): Pointer {
    const { call } = this.#api;
    const domain = this.#api.create('ONNX Runtime takes no operators', HINT, (out) =>
      call.createCustomOpDomain(KERNEL_DOMAIN, out),
    );
    for (const name of names)
      this.#api.check(
        call.addCustomOp(domain, this.#operator(name).address),
        `ONNX Runtime refuses the kernel ${name}`,
        HINT,
      );
    return domain;
  }

  free(): void {
    for (const region of this.#regions.splice(0)) region.free();
    this.#operators.clear();
    this.#kernels.clear();
  }

  #operator(name: string): OperatorRecord {
    let operator = this.#operators.get(name);
    if (operator === undefined) {
      operator = this.#newOperator(name);
      this.#operators.set(name, operator);
    }
    return operator;
  }

  #kernel(spec: KernelSpec, threads: number): PlacedKernel {
    const key = `${threads} ${JSON.stringify(spec)}`;
    let placed = this.#kernels.get(key);
    if (placed === undefined) {
      const kernel = makeKernel(spec, threads);
      const region = sealed(kernel.code);
      this.#regions.push(region);
      placed = { kernel, address: region.address, scratch: this.#scratch(strideOf(kernel) * (kernel.parts ?? 1)) };
      this.#kernels.set(key, placed);
    }
    return placed;
  }

  #newOperator(name: string): OperatorRecord {
    const { kernel: spec, outputs, threads } = operatorOf(name);
    const { kernel, address, scratch } = this.#kernel(spec, threads);
    const { inputs } = kernel;
    invariant(
      inputs.length <= MOST_INPUTS && outputs.length <= MOST_OUTPUTS,
      () => `${name}: ${inputs.length} inputs, ${outputs.length} outputs`,
    );
    invariant(
      outputs.map(sizeOf).join() === kernel.outputs.join(),
      () => `${name}: the kernel writes ${kernel.outputs.join()} elements`,
    );
    const record = new DataView(new ArrayBuffer(RECORD.bytes));
    const pointer = (offset: number, value: Pointer): void => record.setBigUint64(offset, value, true);
    record.setUint32(0, OP_VERSION, true);
    FUNCTIONS.forEach((name, i) => {
      if (name !== null) pointer((i + 1) * 8, this.#glue.address + BigInt(this.#offsets[name]));
    });
    const text = new TextEncoder().encode(`${name}\0`);
    pointer(RECORD.name, addressOf(text));
    record.setUint32(RECORD.inputCount, inputs.length, true);
    record.setUint32(RECORD.outputCount, outputs.length, true);
    pointer(RECORD.getInput, this.#api.address('kernelContextGetInput'));
    pointer(RECORD.getData, this.#api.address('getTensorMutableData'));
    pointer(RECORD.getOutput, this.#api.address('kernelContextGetOutput'));
    pointer(RECORD.parallelFor, this.#api.address('kernelContextParallelFor'));
    pointer(RECORD.stride, BigInt(strideOf(kernel)));
    record.setUint32(RECORD.parts, kernel.parts ?? 1, true);
    pointer(RECORD.kernel, address);
    pointer(RECORD.scratch, scratch);
    inputs.forEach((dtype, i) => record.setUint32(RECORD.inputTypes + 4 * i, ELEMENT_TYPE[dtype], true));
    outputs.forEach((_, i) =>
      record.setUint32(RECORD.outputTypes + 4 * i, ELEMENT_TYPE[kernel.outputTypes?.[i] ?? 'float32'], true),
    );
    const sizes = outputs.map((shape) => BigInt64Array.from(shape.length === 0 ? [1] : shape, BigInt));
    sizes.forEach((dims, i) => {
      pointer(RECORD.outputs + i * OUTPUT_BYTES, addressOf(dims));
      pointer(RECORD.outputs + i * OUTPUT_BYTES + 8, BigInt(outputs[i]?.length ?? 0));
    });
    return { address: addressOf(record), held: [record, text, sizes] };
  }

  /** Programs of an executor run one after the other: one scratch memory serves all. */
  #scratch(bytes: number): Pointer {
    let scratch = this.#scratches.at(-1);
    if (scratch === undefined || scratch.length < bytes + LINE) {
      scratch = new Uint8Array(Math.max(SMALLEST_SCRATCH, bytes + LINE));
      this.#scratches.push(scratch);
    }
    const address = addressOf(scratch);
    return address + (-address & BigInt(LINE - 1));
  }
}

/** Bytes from the scratch memory of one part to that of the next. */
const strideOf = ({ scratchBytes }: Kernel): number => Math.ceil(scratchBytes / LINE) * LINE;

function sealed(code: Uint8Array): ExecutableMemory {
  const region = new ExecutableMemory(code.length);
  region.bytes.set(code);
  region.seal();
  return region;
}

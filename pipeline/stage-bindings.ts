// StageBindings: the programs of a stage tied to the tensors of its micro-batches, each made when it is first asked for
// and found again in every later step. When they run, and on what, is the stage runner's business.
import { present } from '../engine/core/invariant.js';
import { type BorderKind, ProgramBinding, type TensorPlaces, type Way } from '../engine/model/program-binding.js';
import type { RoundedParameters } from '../engine/model/rounded-parameters.js';
import type { RowTable } from '../engine/model/row-table.js';
import type { ParameterSlabs } from '../engine/model/slab.js';
import type { BufferPool } from '../engine/tensor/buffer-pool.js';
import { type DeviceMemory, isOnDevice, type Vector } from '../engine/tensor/device-memory.js';
import type { LoadedProgram } from '../engine/tensor/executor.js';
import { type Port, type Program, roleName } from '../engine/tensor/program.js';
import type { HostArray } from '../engine/tensor/shape.js';
import { SlotBuffers } from './slot-buffers.js';

/**
 * Buffers where tensors cross the borders of the stage, one per micro-batch of the replica; null where there is no such
 * border.
 */
export interface StageBorders {
  readonly activationIn: readonly HostArray[] | null;
  readonly activationOut: readonly HostArray[] | null;
  readonly gradientIn: readonly HostArray[] | null;
  readonly gradientOut: readonly HostArray[] | null;
}

/** Where the tensors of a stage lie that outlive a micro-batch, or cross its borders. */
export interface StageTensors {
  readonly parameters: ParameterSlabs;
  /** Their copies in bfloat16; null where the run has none. */
  readonly rounded: RoundedParameters | null;
  /** Elements from the start of the stage's gradient to that of a block. */
  readonly gradientOffset: (block: number) => number;
  /** Where the gradients of the parameters of every block lie in that of the block; row tables are left out. */
  readonly gradientLayouts: ParameterSlabs['layouts'];
  readonly borders: StageBorders;
}

/** How many micro-batches have buffers of their own at a time. */
export interface SlotCounts {
  /** From their forward to their backward. */
  readonly held: number;
  /** From the input half of their backward to its weight half. */
  readonly carried: number;
}

/** Where buffers come from. */
export interface BufferLenders {
  readonly pool: BufferPool;
  /** Of the device; null where its programs compute in the host's memory. */
  readonly memory: DeviceMemory | null;
}

/** Gradients of rows are taken as soon as they are there: one buffer serves all micro-batches. */
const ROWS_SLOT = 0;

export class StageBindings {
  readonly #tensors: StageTensors;
  readonly #buffers: SlotBuffers;
  readonly #counts: SlotCounts;
  /** What the forward is given, by the names of the roles. */
  readonly #given: ReadonlyMap<string, Port>;
  readonly #bound = new Map<string, ProgramBinding>();
  readonly #gradientIds = new Map<ArrayBufferLike | Vector, number>();
  readonly #isResident: boolean;

  /**
   * The buffers that live from a forward to its backward come from `lenders`; all go back on `close`. The fields and
   * the noise that `forward` reads are there when a backward of the same micro-batch runs.
   */
  constructor(tensors: StageTensors, lenders: BufferLenders, counts: SlotCounts, forward: Program) {
    this.#tensors = tensors;
    this.#buffers = new SlotBuffers(lenders.pool, lenders.memory);
    this.#isResident = lenders.memory !== null;
    this.#counts = counts;
    this.#given = new Map(forward.inputs.map((port) => [roleName(port.role), port]));
  }

  forward(loaded: LoadedProgram, micro: number): ProgramBinding {
    const key = `f${micro}`;
    return (
      this.#bound.get(key) ??
      this.#bind(key, loaded, this.#arriving(micro, this.#places(micro, micro % this.#counts.held)))
    );
  }

  /**
   * The forward once more. Its input is still in its place of the border; its output goes nowhere, because the stage
   * above may be reading the first one.
   */
  forwardAgain(loaded: LoadedProgram, micro: number): ProgramBinding {
    const key = `r${micro}`;
    const known = this.#bound.get(key);
    if (known !== undefined) return known;
    const slot = micro % this.#counts.held;
    const places = this.#places(micro, slot);
    return this.#bind(key, loaded, {
      ...this.#arriving(micro, places),
      border: (kind, way, port) => (way === 'out' ? this.#buffers.of(port, slot) : places.border(kind, way, port)),
    });
  }

  /** Evaluation of what sits at border position `place`. */
  evaluate(loaded: LoadedProgram, place: number): ProgramBinding {
    const key = `e${place}`;
    return this.#bound.get(key) ?? this.#bind(key, loaded, this.#arriving(place, this.#places(place, 0)));
  }

  /** A backward, whole or a half; `gradient` takes the gradients of the parameters, null where it computes none. */
  backward(loaded: LoadedProgram, kind: 'B' | 'I' | 'W', micro: number, gradient: Vector | null): ProgramBinding {
    const key = gradient === null ? `${kind}${micro}` : `${kind}${micro}.${this.#identify(gradient)}`;
    const known = this.#bound.get(key);
    if (known !== undefined) return known;
    const places = this.#places(micro, micro % this.#counts.held, gradient);
    const isSecondHalf = kind === 'W' && this.#bound.has(`I${micro}`);
    // What only a custom gradient reads, no forward was given.
    return this.#bind(key, loaded, {
      ...places,
      isFilled: ({ role }) => this.#given.has(roleName(role)),
      // The activation came with the forward; the gradient with the first half, where there is one.
      arriving: (border) => (border === 'gradient' && !isSecondHalf ? this.#atBorder(border, 'in', micro) : null),
    });
  }

  /**
   * What the last backward or weight half, `program`, has left of a table: the rows that micro-batch `micro` read, and
   * a gradient for each. Good until the next one runs.
   */
  rows(
    program: Program,
    { block, name, field }: RowTable,
    micro: number,
  ): { indices: Int32Array; values: Float32Array } {
    const role = roleName({ kind: 'rowGrad', block, name });
    const port = present(
      program.outputs.find((output) => roleName(output.role) === role),
      `output "${role}" of ${program.name}`,
    );
    const read = present(this.#given.get(roleName({ kind: 'field', name: field })), `field ${field} of the forward`);
    return {
      indices: this.#buffers.of(read, micro % this.#counts.held) as Int32Array,
      values: this.#buffers.of(port, ROWS_SLOT) as Float32Array,
    };
  }

  /** Frees the bindings and gives the buffers back. */
  close(): void {
    for (const bound of this.#bound.values()) bound.free();
    this.#bound.clear();
    this.#buffers.release();
  }

  #bind(key: string, loaded: LoadedProgram, places: TensorPlaces): ProgramBinding {
    const bound = new ProgramBinding(loaded, places);
    this.#bound.set(key, bound);
    return bound;
  }

  /** Where the tensors of a micro-batch lie. */
  #places(micro: number, slot: number, gradient: Vector | null = null): TensorPlaces {
    const { parameters, rounded, gradientOffset, gradientLayouts: layouts } = this.#tensors;
    return {
      parameters,
      rounded,
      gradients: gradient === null ? null : { layouts, of: (block) => gradient.subarray(gradientOffset(block)) },
      border: (kind, way, port) => {
        if (!this.#isResident || way === 'out') return this.#atBorder(kind, way, micro);
        // A gradient may be read by both halves of a backward.
        const held = kind === 'gradient' ? micro % this.#counts.carried : slot;
        return this.#buffers.of(port, held, `${kind} from below or above`);
      },
      buffer: (port) => this.#buffers.of(port, this.#slotOf(port, micro, slot)),
      carried: (port) => this.#buffers.of(port, micro % this.#counts.carried),
    };
  }

  /** As `places`, for a program that is the first to read what comes over the lower border. */
  #arriving(micro: number, places: TensorPlaces): TensorPlaces {
    return { ...places, arriving: (kind) => this.#atBorder(kind, 'in', micro) };
  }

  #atBorder(kind: BorderKind, way: Way, micro: number): HostArray {
    const { borders } = this.#tensors;
    return present(borders[`${kind}${way === 'in' ? 'In' : 'Out'}`]?.[micro], `place ${micro} for "${kind}" ${way}`);
  }

  /** Losses are read when the step is done, so every micro-batch keeps its own. */
  #slotOf({ role }: Port, micro: number, slot: number): number {
    if (role.kind === 'rowGrad') return ROWS_SLOT;
    return role.kind === 'loss' ? micro : slot;
  }

  /** A name for a gradient buffer, so that a binding to it is found again. */
  #identify(gradient: Vector): string {
    const owner = isOnDevice(gradient) ? gradient : gradient.buffer;
    if (!this.#gradientIds.has(owner)) this.#gradientIds.set(owner, this.#gradientIds.size);
    return `${this.#gradientIds.get(owner)}+${isOnDevice(gradient) ? 0 : gradient.byteOffset}`;
  }
}

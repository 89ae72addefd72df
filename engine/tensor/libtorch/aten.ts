// Aten: the operators of PyTorch as functions of tensors. Operands are borrowed; results belong to the call that is
// being computed (see Tensors). An operator that fails is a ModelError with what PyTorch says.
import { present } from '../../core/invariant.js';
import { addressOf } from '../native.js';
import type { Shape } from '../shape.js';
import { type Argument, encoderOf, Stack } from './stable-values.js';
import { type Handle, int64s, stridesOf, Tensors } from './tensors.js';
import type { NativeFunction } from './torch-functions.js';
import type { TorchDType, TorchLibrary } from './torch-library.js';

/** Every argument of the schema, in its order, none left out. */
export type Operator = (...args: readonly Argument[]) => Handle;
export type Operators = (...args: readonly Argument[]) => Handle[];

export class Aten {
  readonly tensors: Tensors;
  readonly #operators = new Map<string, Operators>();
  readonly #single = new Map<string, Operator>();
  /** Tensors of one number that kernels read. */
  readonly #numbers = new Map<string, Handle>();
  readonly #addTensor: NativeFunction;
  readonly #addmmOut: NativeFunction;
  readonly #mmOut: NativeFunction;

  constructor(library: TorchLibrary) {
    this.tensors = new Tensors(library);
    const required = (symbol: string, args: readonly string[]): NativeFunction =>
      present(library.typed(symbol, args), `the function ${symbol} of this PyTorch`);
    const H = 'uint64';
    this.#addTensor = required('add_Tensor', [H, H, 'double', 'void *']);
    this.#mmOut = required('mm_out', [H, H, H]);
    this.#addmmOut = required('addmm_out', [H, H, H, H, 'double', 'double']);
  }

  /** An operator with one result; `name` with its overload, e.g. `mul.Tensor`. */
  op(name: string): Operator {
    const known = this.#single.get(name);
    if (known !== undefined) return known;
    const operators = this.ops(name);
    const operator: Operator = (...args) => operators(...args)[0] as Handle;
    this.#single.set(name, operator);
    return operator;
  }

  /** An operator with several results; those that are whole numbers come as they are. */
  ops(name: string): Operators {
    const known = this.#operators.get(name);
    if (known !== undefined) return known;
    const operator = this.#operatorOf(name);
    this.#operators.set(name, operator);
    return operator;
  }

  #operatorOf(name: string): Operators {
    const { tensors } = this;
    const { library } = tensors;
    const { args, results } = library.schemas.get(name);
    const [base = '', overload = ''] = name.split('.');
    const texts = [`aten::${base}\0`, `${overload}\0`].map((text) => new TextEncoder().encode(text));
    const [nameAt, overloadAt] = texts.map(addressOf) as [bigint, bigint];
    const stack = new Stack(Math.max(args.length, results.length));
    const stackAt = addressOf(stack.words);
    const encoders = args.map((type) => encoderOf(type, tensors, stack));
    const { call, abi } = library;
    // The closure keeps the memory alive that the addresses stand for.
    const held = [texts, stack];
    return (...values) => {
      for (let i = 0; i < encoders.length; i++) encoders[i]?.(values[i] as Argument, i);
      const status = call.callDispatcher(nameAt, overloadAt, stackAt, abi);
      if (status !== 0) library.check(status, held.length > 0 ? name : '');
      return results.map((type, i) => (type === 'Tensor' ? tensors.made(stack.address(i)) : stack.address(i)));
    };
  }

  /** a + factor b for float32 (or float64). */
  add(a: Handle, b: Handle, factor = 1): Handle {
    return this.tensors.madeBy(this.#addTensor(a, b, factor, this.tensors.library.cell) as number, 'add');
  }

  /** addend + a b, for matrices, in `into`. */
  addmm(into: Handle, addend: Handle, a: Handle, b: Handle): Handle {
    this.tensors.library.check(this.#addmmOut(into, addend, a, b, 1, 1) as number, 'addmm');
    return into;
  }

  /** a b, for matrices, in `into`. */
  mm(into: Handle, a: Handle, b: Handle): Handle {
    this.tensors.library.check(this.#mmOut(into, a, b) as number, 'mm');
    return into;
  }

  cast(x: Handle, dtype: TorchDType): Handle {
    return this.op('_to_copy')(x, dtype, null, null, null, false, null);
  }

  reshape(x: Handle, shape: Shape): Handle {
    return this.op('reshape')(x, shape);
  }

  /** The same memory with its last two axes swapped. */
  swapped(x: Handle): Handle {
    return this.op('transpose.int')(x, -2, -1);
  }

  /**
   * What reads the memory of a tensor in another shape, with these steps between neighbours; default: without gaps. It
   * is quicker than an operator: nothing is looked up, and the numbers are there.
   */
  viewer(shape: Shape, steps: Shape = stridesOf(shape)): (x: Handle) => Handle {
    const [sizes, strides] = [int64s(shape), int64s(steps)];
    const { tensors } = this;
    const { call, cell } = tensors.library;
    const rank = shape.length;
    return (x) => tensors.madeBy(call.reinterpret(x, rank, sizes, strides, 0, cell), 'a view');
  }

  /**
   * What applies `packed` to tensors that lie without gaps, and `other` to others. A value of a program lies in memory
   * in the same way at every run, so it is looked at once.
   */
  byLayout(packed: (x: Handle) => Handle, other: (x: Handle) => Handle): (x: Handle) => Handle {
    let chosen: ((x: Handle) => Handle) | null = null;
    return (x) => {
      chosen ??= this.tensors.isPacked(x) ? packed : other;
      return chosen(x);
    };
  }

  /** What takes memory for float32 of a shape. */
  allocator(shape: Shape): () => Handle {
    const [sizes, strides] = [int64s(shape), int64s(stridesOf(shape))];
    const { tensors } = this;
    const { call, cell, dtypes, deviceTypes, device } = tensors.library;
    const [rank, type] = [shape.length, deviceTypes[device.type]];
    return () =>
      tensors.madeBy(
        call.emptyStrided(rank, sizes, strides, dtypes.float32, type, device.index, cell),
        'memory for a tensor',
      );
  }

  /** What gives a tensor of a value another shape. */
  reshaper(shape: Shape): (x: Handle) => Handle {
    return this.byLayout(this.viewer(shape), (x) => this.reshape(x, shape));
  }

  /** What swaps the axes of the matrices of a value of `rank` 2. */
  transposer([rows, columns]: Shape): (x: Handle) => Handle {
    const view = this.viewer([columns as number, rows as number], [1, columns as number]);
    return this.byLayout(view, (x) => this.swapped(x));
  }

  /** A number as a tensor, which stays ours. */
  number(value: number, dtype: TorchDType = 'float32'): Handle {
    const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const handle = this.tensors.keep(this.tensors.of([value], [], dtype));
    this.#numbers.set(key, handle);
    return handle;
  }

  /** Frees what is ours. */
  free(): void {
    for (const handle of this.#numbers.values()) this.tensors.delete(handle);
    this.#numbers.clear();
  }
}

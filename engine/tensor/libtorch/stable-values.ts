// StableValues: arguments as libtorch's dispatcher takes them, 8 bytes each. What it is handed it owns: tensors are
// handed over as references of their own, lists and strings are made for the one call.
import { invariant } from '../../core/invariant.js';
import { loadKoffi } from '../native.js';
import type { Handle, Tensors } from './tensors.js';
import type { TorchDType } from './torch-library.js';

/**
 * A tensor by its handle, a number, a flag, a word or the name of a type, or a list of them; null where an argument
 * may be absent.
 */
export type Argument = number | boolean | string | null | readonly Argument[];

/** Writes one argument at a place of the stack. */
export type Encoder = (value: Argument, place: number) => void;

/** The stack of one operator. Calls of it do not overlap. */
export class Stack {
  readonly words: BigUint64Array;
  readonly floats: Float64Array;
  readonly ints: BigInt64Array;
  readonly #halves: Uint32Array;

  constructor(length: number) {
    this.words = new BigUint64Array(Math.max(1, length));
    this.floats = new Float64Array(this.words.buffer);
    this.ints = new BigInt64Array(this.words.buffer);
    this.#halves = new Uint32Array(this.words.buffer);
  }

  /** An address, or another whole number that is not negative. */
  setAddress(place: number, value: number): void {
    this.#halves[2 * place] = value >>> 0;
    this.#halves[2 * place + 1] = Math.floor(value / 2 ** 32);
  }

  address(place: number): number {
    return (this.#halves[2 * place] as number) + (this.#halves[2 * place + 1] as number) * 2 ** 32;
  }
}

/** What writes arguments of a type, as a schema names it, onto a stack. */
export function encoderOf(type: string, tensors: Tensors, stack: Stack): Encoder {
  if (type.endsWith('?')) return optional(type.slice(0, -1), tensors, stack);
  if (type.endsWith('[]')) return list(type.slice(0, -2), tensors, stack);
  switch (type) {
    case 'Tensor':
      return (value, place) => stack.setAddress(place, tensors.reference(value as Handle));
    case 'int':
      return (value, place) => void (stack.ints[place] = BigInt(value as number));
    case 'float':
      return (value, place) => void (stack.floats[place] = value as number);
    case 'bool':
      return (value, place) => stack.setAddress(place, value === true ? 1 : 0);
    case 'ScalarType':
      return (value, place) => stack.setAddress(place, tensors.library.dtypes[value as TorchDType]);
    case 'str':
      return (value, place) => stack.setAddress(place, newString(tensors, value as string));
    case 'Device':
      // Only ever that of the executor.
      return (_, place) => {
        const { device, deviceTypes } = tensors.library;
        stack.words[place] = (BigInt(deviceTypes[device.type]) << 32n) | BigInt(device.index);
      };
    default:
      // An operator may have an argument that nobody gives, e.g. a layout; a Scalar cannot be handed over at all.
      return (value) => invariant(value === null, () => `an argument of type ${type} cannot be handed to libtorch`);
  }
}

/** Nothing, or the address of what is there. */
function optional(type: string, tensors: Tensors, stack: Stack): Encoder {
  const inner = new Stack(1);
  const encode = encoderOf(type, tensors, inner);
  const koffi = loadKoffi();
  return (value, place) => {
    if (value === null) return stack.setAddress(place, 0);
    encode(value, 0);
    const address = tensors.library.newValue();
    koffi.encode(BigInt(address), 'uint64', inner.words[0]);
    stack.setAddress(place, address);
  };
}

function list(type: string, tensors: Tensors, stack: Stack): Encoder {
  const inner = new Stack(1);
  const encode = encoderOf(type, tensors, inner);
  const { library } = tensors;
  return (value, place) => {
    const values = value as readonly Argument[];
    library.check(library.call.newList(values.length, library.cell), 'a list');
    const made = library.result;
    for (const item of values) {
      encode(item, 0);
      library.check(library.call.pushToList(made, inner.words[0] as bigint), 'a list');
    }
    stack.setAddress(place, made);
  };
}

function newString({ library }: Tensors, text: string): number {
  const bytes = new TextEncoder().encode(text);
  library.check(library.call.newString(bytes, bytes.length, library.cell), 'a string');
  return library.result;
}

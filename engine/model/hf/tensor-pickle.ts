// TensorPickle: reads the one kind of pickle that a saved state_dict is: a dictionary of names and tensors. A pickle is
// a program for a stack machine; here only the instructions that describe tensors exist, and every other instruction or
// name ends the reading. Nothing from the file is run.

export interface PickledStorage {
  readonly kind: 'storage';
  /** As in safetensors: F32, F16, BF16, I64 ... */
  readonly dtype: string;
  /** Name of the entry that holds the numbers. */
  readonly key: string;
  /** Numbers in it. */
  readonly elements: number;
}

export interface PickledTensor {
  readonly kind: 'tensor';
  readonly storage: PickledStorage;
  /** Elements from the start of the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one index of an axis to the next. */
  readonly strides: readonly number[];
}

interface Dictionary {
  readonly kind: 'dictionary';
  readonly entries: Map<unknown, Value>;
}

interface Name {
  readonly kind: 'name';
  readonly name: string;
}

type Value = null | boolean | number | string | Value[] | Name | Dictionary | PickledStorage | PickledTensor;

const STORAGES: ReadonlyMap<string, string> = new Map([
  ['torch.FloatStorage', 'F32'],
  ['torch.HalfStorage', 'F16'],
  ['torch.BFloat16Storage', 'BF16'],
  ['torch.DoubleStorage', 'F64'],
  ['torch.LongStorage', 'I64'],
  ['torch.IntStorage', 'I32'],
  ['torch.ShortStorage', 'I16'],
  ['torch.CharStorage', 'I8'],
  ['torch.ByteStorage', 'U8'],
  ['torch.BoolStorage', 'BOOL'],
]);
const DICTIONARY = 'collections.OrderedDict';
const TENSOR = 'torch._utils._rebuild_tensor_v2';
const PARAMETER = 'torch._utils._rebuild_parameter';

/**
 * Lists, dictionaries and tensors that are made at most: a tensor takes 8 of them, and each takes a hundred times the
 * byte that asks for it.
 */
const MOST_MADE = 1_000_000;
/** Axes of a tensor at most, as in PyTorch. */
const MOST_AXES = 64;

/**
 * Tensors of the dictionary by name; entries that are no tensors are left out. Throws what `broken` makes of the
 * reason.
 */
export function readTensorPickle(bytes: Buffer, broken: (why: string) => Error): Map<string, PickledTensor> {
  const machine = new PickleMachine(bytes, broken);
  let top: Value;
  try {
    top = machine.run();
  } catch (error) {
    // Reading behind the end of the buffer.
    if (error instanceof RangeError) throw broken('its list of tensors ends too early');
    throw error;
  }
  if (!isKind(top, 'dictionary')) throw broken('it holds something else than a dictionary of tensors');
  const tensors = new Map<string, PickledTensor>();
  for (const [name, value] of top.entries)
    if (typeof name === 'string' && isKind(value, 'tensor')) tensors.set(name, value);
  return tensors;
}

type Tagged = Exclude<Value, null | boolean | number | string | Value[]>;
function isKind<K extends Tagged['kind']>(value: Value | undefined, kind: K): value is Extract<Tagged, { kind: K }> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && value.kind === kind;
}
const isNumbers = (value: Value | undefined): value is number[] =>
  Array.isArray(value) &&
  value.length <= MOST_AXES &&
  value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);

/** The stack machine of protocol 2. */
class PickleMachine {
  readonly #bytes: Buffer;
  readonly #broken: (why: string) => Error;
  #at = 0;
  #stack: Value[] = [];
  /** Stacks that wait below a mark. */
  readonly #below: Value[][] = [];
  readonly #memo = new Map<number, Value>();
  #numMade = 0;

  constructor(bytes: Buffer, broken: (why: string) => Error) {
    this.#bytes = bytes;
    this.#broken = broken;
  }

  run(): Value {
    for (;;) {
      const code = this.#take(1).readUInt8();
      const instruction = String.fromCharCode(code);
      if (instruction === '.') return this.#end();
      if (!this.#literal(code, instruction) && !this.#compound(code, instruction))
        throw this.#broken(
          `its list of tensors has the instruction 0x${code.toString(16).padStart(2, '0')}, which no list of ` +
            'tensors needs',
        );
    }
  }

  #end(): Value {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw this.#broken(`its list of tensors has ${left} bytes behind its end`);
    return this.#pop();
  }

  /** Instructions that push a number, a text, a constant, a name, or what was seen before. */
  #literal(code: number, instruction: string): boolean {
    switch (instruction) {
      case 'N':
        return this.#push(null);
      case 'K':
        return this.#push(this.#take(1).readUInt8());
      case 'M':
        return this.#push(this.#take(2).readUInt16LE());
      case 'J':
        return this.#push(this.#take(4).readInt32LE());
      case 'X':
        return this.#push(this.#take(this.#take(4).readUInt32LE()).toString('utf8'));
      case 'c':
        return this.#push(this.#name());
      case ')':
      case ']':
        return this.#push(this.#made([]));
      case '}':
        return this.#push(this.#made({ kind: 'dictionary', entries: new Map() }));
      case 'q':
        return this.#remember(this.#take(1).readUInt8());
      case 'r':
        return this.#remember(this.#take(4).readUInt32LE());
      case 'h':
        return this.#push(this.#recall(this.#take(1).readUInt8()));
      case 'j':
        return this.#push(this.#recall(this.#take(4).readUInt32LE()));
    }
    switch (code) {
      case 0x80: {
        const protocol = this.#take(1).readUInt8();
        if (protocol > 3)
          throw this.#broken(`its list of tensors is a pickle of protocol ${protocol}, at most 3 is read`);
        return true;
      }
      case 0x88:
      case 0x89:
        return this.#push(code === 0x88);
      case 0x8a:
        return this.#push(this.#long());
    }
    return false;
  }

  /** Instructions that put together what lies on the stack. */
  #compound(code: number, instruction: string): boolean {
    switch (instruction) {
      case '(':
        this.#below.push(this.#stack);
        this.#stack = this.#made([]);
        return true;
      case 't':
        return this.#push(this.#popToMark());
      case 's': {
        const value = this.#pop();
        return this.#setItems([this.#pop(), value]);
      }
      case 'u':
        return this.#setItems(this.#popToMark());
      case 'e':
        return this.#append(this.#popToMark());
      case 'a':
        return this.#append([this.#pop()]);
      case 'Q':
        return this.#push(this.#made(this.#storage(this.#pop())));
      case 'R': {
        const given = this.#pop();
        return this.#push(this.#made(this.#apply(this.#pop(), given)));
      }
      case 'b':
        // The attributes of a dictionary, such as version numbers, say nothing about tensors.
        this.#pop();
        if (!isKind(this.#stack.at(-1), 'dictionary'))
          throw this.#broken('its list of tensors gives attributes to something else than a dictionary');
        return true;
    }
    if (code >= 0x85 && code <= 0x87) {
      const items = Array.from({ length: code - 0x84 }, () => this.#pop());
      return this.#push(this.#made(items.reverse()));
    }
    return false;
  }

  /** Two lines: module and name. */
  #name(): Name {
    const line = (): string => {
      const end = this.#bytes.indexOf(0x0a, this.#at);
      if (end < 0) throw new RangeError('no end of line');
      return this.#take(end + 1 - this.#at)
        .toString('utf8')
        .slice(0, -1);
    };
    const name = `${line()}.${line()}`;
    if (![DICTIONARY, TENSOR, PARAMETER].includes(name) && !STORAGES.has(name))
      throw this.#broken(`it asks for "${name}", which is no part of a tensor; it was not run`);
    return { kind: 'name', name };
  }

  #long(): number {
    const bytes = this.#take(this.#take(1).readUInt8());
    let value = 0n;
    for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes.readUInt8(i));
    return Number(BigInt.asIntN(8 * bytes.length, value));
  }

  /** ('storage', type, key, device, elements). */
  #storage(id: Value): PickledStorage {
    const [tag, type, key, , elements] = Array.isArray(id) ? id : [];
    const dtype = isKind(type, 'name') ? STORAGES.get(type.name) : undefined;
    if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isNumbers([elements ?? null]))
      throw this.#broken('it refers to something else than the storage of a tensor');
    return { kind: 'storage', dtype, key, elements: elements as number };
  }

  #apply(what: Value, given: Value): Value {
    if (isKind(what, 'name') && Array.isArray(given)) {
      const [first, offset, shape, strides] = given;
      if (what.name === DICTIONARY && given.length === 0) return { kind: 'dictionary', entries: new Map() };
      if (what.name === PARAMETER && isKind(first, 'tensor')) return first;
      if (
        what.name === TENSOR &&
        isKind(first, 'storage') &&
        isNumbers([offset ?? null]) &&
        isNumbers(shape) &&
        isNumbers(strides)
      )
        return { kind: 'tensor', storage: first, offset: offset as number, shape, strides };
    }
    throw this.#broken('it makes something else than a dictionary or a tensor');
  }

  #setItems(items: readonly Value[]): boolean {
    const target = this.#stack.at(-1);
    if (!isKind(target, 'dictionary') || items.length % 2 !== 0)
      throw this.#broken('its list of tensors sets items of something else than a dictionary');
    for (let i = 0; i < items.length; i += 2) target.entries.set(items[i], items[i + 1] as Value);
    return true;
  }

  #append(items: readonly Value[]): boolean {
    const target = this.#stack.at(-1);
    if (!Array.isArray(target)) throw this.#broken('its list of tensors appends to something else than a list');
    for (const item of items) target.push(item);
    return true;
  }

  /** Counts what takes memory. */
  #made<T>(value: T): T {
    if (++this.#numMade > MOST_MADE)
      throw this.#broken(`its list of tensors makes more than ${MOST_MADE} lists, dictionaries and tensors`);
    return value;
  }

  #push(value: Value): boolean {
    this.#stack.push(value);
    return true;
  }

  #pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#broken('its list of tensors takes more than there is');
    return value;
  }

  #popToMark(): Value[] {
    const items = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) throw this.#broken('its list of tensors takes more than there is');
    this.#stack = below;
    return items;
  }

  #remember(key: number): boolean {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#broken('its list of tensors takes more than there is');
    this.#memo.set(key, value);
    return true;
  }

  #recall(key: number): Value {
    const value = this.#memo.get(key);
    if (value === undefined) throw this.#broken(`its list of tensors refers to the value ${key}, which there is not`);
    return value;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError('end of the pickle');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

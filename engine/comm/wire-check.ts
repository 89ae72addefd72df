// Wire check: walks the tokens of one MessagePack value and admits only plain data. The decoder behind it knows many
// extensions (records compiled to functions, regular expressions, errors, sets, references); none of them may be
// reached from the network.

/** Nesting beyond this is refused, so that no input can exhaust the stack of the decoder. */
const MAX_DEPTH = 64;

/** Element codes of the typed-array extension that may travel: Uint8Array, Int32Array, Float32Array. */
const TYPED_ARRAY = 0x74;
const UINT8 = 1;
const INT32 = 5;
const FLOAT32 = 7;

/**
 * Throws `problem(text)` unless `bytes` are exactly one well-formed value of nil, booleans, numbers, strings, binary,
 * arrays, maps with string keys, and typed arrays.
 */
export function checkWire(bytes: Uint8Array, problem: (text: string) => Error): void {
  const end = bytes.length;
  // Values still to come in the open containers, innermost last; maps count keys and values.
  const left: number[] = [1];
  const isMap: boolean[] = [false];
  let position = 0;

  const big = (width: number): number => {
    if (position + width > end) throw problem('the bytes end in the middle of a length');
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + (bytes[position++] as number);
    return value;
  };
  const skip = (count: number): void => {
    position += count;
    if (position > end) throw problem(`the bytes end ${position - end} bytes before a value does`);
  };
  const open = (count: number, map: boolean): void => {
    const values = map ? 2 * count : count;
    // Each value takes a byte at least: a small header must not announce a large container.
    if (values > end - position)
      throw problem(`a container of ${count} entries starts ${end - position} bytes before the end`);
    if (left.length > MAX_DEPTH) throw problem(`values are nested deeper than ${MAX_DEPTH}`);
    if (values === 0) return;
    left.push(values);
    isMap.push(map);
  };
  const extension = (length: number): void => {
    const type = big(1);
    const code = type === TYPED_ARRAY && length >= 1 && position < end ? bytes[position] : undefined;
    const isTypedArray = code === UINT8 || ((code === INT32 || code === FLOAT32) && length % 4 === 1);
    // Extension 0 of one byte is the encoder's `undefined`.
    if (!isTypedArray && !(type === 0 && length === 1)) throw problem(`an extension of type ${type} is not plain data`);
    skip(length);
  };

  while (left.length > 0) {
    const top = left.length - 1;
    const remaining = left[top] as number;
    if (remaining === 0) {
      left.pop();
      isMap.pop();
      continue;
    }
    left[top] = remaining - 1;
    const token = big(1);
    const isKey = isMap[top] === true && remaining % 2 === 0;
    if (isKey && !((token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb)))
      throw problem('the key of an object is not a string');
    if (token <= 0x7f || token >= 0xe0) continue;
    else if (token <= 0x8f) open(token - 0x80, true);
    else if (token <= 0x9f) open(token - 0x90, false);
    else if (token <= 0xbf) skip(token - 0xa0);
    else {
      switch (token) {
        case 0xc0:
        case 0xc2:
        case 0xc3:
          break;
        case 0xc4:
        case 0xd9:
          skip(big(1));
          break;
        case 0xc5:
        case 0xda:
          skip(big(2));
          break;
        case 0xc6:
        case 0xdb:
          skip(big(4));
          break;
        case 0xc7:
          extension(big(1));
          break;
        case 0xc8:
          extension(big(2));
          break;
        case 0xc9:
          extension(big(4));
          break;
        case 0xca:
        case 0xce:
        case 0xd2:
          skip(4);
          break;
        case 0xcb:
          skip(8);
          break;
        case 0xcc:
        case 0xd0:
          skip(1);
          break;
        case 0xcd:
        case 0xd1:
          skip(2);
          break;
        case 0xd4:
        case 0xd5:
        case 0xd6:
        case 0xd7:
        case 0xd8:
          extension(2 ** (token - 0xd4));
          break;
        case 0xdc:
          open(big(2), false);
          break;
        case 0xdd:
          open(big(4), false);
          break;
        case 0xde:
          open(big(2), true);
          break;
        case 0xdf:
          open(big(4), true);
          break;
        default:
          throw problem(
            `a value starts with the byte ${token}, which is not plain data (64-bit integers cannot travel)`,
          );
      }
    }
  }
  if (position !== end) throw problem(`${end - position} bytes follow the message`);
}

// ProtobufWriter: appends fields of the protobuf wire format to a growing byte buffer. It knows no schema; see onnx.ts
// for one.
import { invariant } from '../core/invariant.js';

const WIRE = { varint: 0, bytes: 2, fixed32: 5 } as const;
const encoder = new TextEncoder();

export class ProtobufWriter {
  #bytes: Uint8Array = new Uint8Array(256);
  #length = 0;

  /** An integer field; negative numbers take ten bytes (two's complement in 64 bits), as int64 fields do. */
  int(field: number, value: number): void {
    invariant(Number.isSafeInteger(value), () => `protobuf field ${field}: ${value} is not an integer`);
    this.#tag(field, WIRE.varint);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    this.#tag(field, WIRE.fixed32);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  text(field: number, value: string): void {
    this.bytes(field, encoder.encode(value));
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, WIRE.bytes);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A nested message, written by `fill`. */
  message(field: number, fill: (inner: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    fill(inner);
    this.bytes(field, inner.finish());
  }

  /** What was written so far; a view that later writes may invalidate. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #tag(field: number, wire: number): void {
    this.#varint(field * 8 + wire);
  }

  #varint(value: number): void {
    this.#reserve(10);
    if (value >= 0) {
      // Plain arithmetic instead of shifts: lengths and dimensions may exceed 32 bits.
      let rest = value;
      while (rest >= 0x80) {
        this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
        rest = Math.floor(rest / 0x80);
      }
      this.#bytes[this.#length++] = rest;
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

// Makes the content of IDX files for tests.

/** An IDX file of unsigned bytes. */
export function idx(shape: readonly number[], data: readonly number[] | Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4 + 4 * shape.length + data.length);
  bytes.writeUInt32BE(0x0800 + shape.length, 0);
  shape.forEach((size, axis) => bytes.writeUInt32BE(size, 4 + 4 * axis));
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

/** `count` images of 2 x 3 pixels, image i full of the value i, with label i % 4. */
export function images(count: number): { images: Uint8Array; labels: Uint8Array } {
  return {
    images: idx(
      [count, 2, 3],
      Array.from({ length: count * 6 }, (_, i) => Math.floor(i / 6)),
    ),
    labels: idx(
      [count],
      Array.from({ length: count }, (_, i) => i % 4),
    ),
  };
}

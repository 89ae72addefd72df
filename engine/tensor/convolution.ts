// conv2d, written anew under the name that it has in TensorFlow.js: as one product of matrices over all windows, so
// that it runs, and has gradients, wherever products do. Shape suffixes: B samples, H W height and width, C channels, h
// w of the windows, k l of the kernel, O channels that come out.
import type { Tensor, TensorLike } from '#tfjs';
import * as tfjs from '#tfjs';

type Pair = readonly [number, number];
const pairOf = (x: number | Pair): Pair => (typeof x === 'number' ? [x, x] : x);

/** Padding in front and behind, and how many windows there are. */
function windows(size: number, kernel: number, stride: number, pad: 'valid' | 'same' | number): [Pair, number] {
  if (pad === 'same') {
    const count = Math.ceil(size / stride);
    const missing = Math.max(0, (count - 1) * stride + kernel - size);
    return [[Math.floor(missing / 2), Math.ceil(missing / 2)], count];
  }
  const around = pad === 'valid' ? 0 : pad;
  return [[around, around], Math.floor((size + 2 * around - kernel) / stride) + 1];
}

/** Every `stride`-th of `count` places along an axis, from `from` on; the axis is long enough for whole strides. */
function everyOther(x: Tensor, axis: number, from: number, count: number, stride: number): Tensor {
  const cut = (t: Tensor, along: number, begin: number, size: number): Tensor =>
    tfjs.slice(
      t,
      t.shape.map((_, i) => (i === along ? begin : 0)),
      t.shape.map((n, i) => (i === along ? size : n)),
    );
  const run = cut(x, axis, from, count * stride);
  if (stride === 1) return run;
  const strides = tfjs.reshape(run, [...x.shape.slice(0, axis), count, stride, ...x.shape.slice(axis + 1)]);
  return tfjs.squeeze(cut(strides, axis + 1, 0, 1), [axis + 1]);
}

/** Windows side by side that cover the images, as those that cut them into patches: a matter of order alone. */
function sideBySide(image: Tensor, [k, l]: Pair, [h, w]: Pair): Tensor {
  const [B = 0, , , C = 0] = image.shape;
  return tfjs.transpose(tfjs.reshape(image, [B, h, k, w, l * C]), [0, 1, 3, 2, 4]);
}

/** What every window sees, [B, h, w, k * l * C]; the images are padded. */
function overlapping(image: Tensor, [k, l]: Pair, [h, w]: Pair, [down, right]: Pair): Tensor {
  const parts = Array.from({ length: k }, (_, i) => everyOther(image, 1, i, h, down)).flatMap((rows) =>
    Array.from({ length: l }, (_, j) => everyOther(rows, 2, j, w, right)),
  );
  return tfjs.concat(parts, 3);
}

/**
 * As `tf.conv2d` of images [B, H, W, C] and a kernel [k, l, C, O], to [B, h, w, O]. `pad` is 'valid', 'same' or a
 * number of zeros around. Without dilation, and with channels last. Throws an Error for what is asked for otherwise.
 */
export function conv2d(
  x: Tensor | TensorLike,
  filter: Tensor | TensorLike,
  strides: number | Pair,
  pad: 'valid' | 'same' | number,
  ...[dataFormat = 'NHWC', dilations = 1]: readonly [dataFormat?: 'NHWC', dilations?: number | Pair]
): Tensor {
  const [image, kernel] = [x, filter].map((t) => (t instanceof tfjs.Tensor ? t : tfjs.tensor(t))) as [Tensor, Tensor];
  const steps = pairOf(strides);
  const [H, W, k, l, C, O] = sizesOf(image, kernel, { dataFormat, dilations: pairOf(dilations) });
  const [[top, bottom], h] = windows(H, k, steps[0], pad);
  const [[left, behind], w] = windows(W, l, steps[1], pad);
  if (h < 1 || w < 1) throw refusal(image, kernel, `strides ${steps.join(' and ')}, padding ${pad} leave no window`);
  const isCut = pad === 'valid' && h * k === H && w * l === W && steps[0] === k && steps[1] === l;
  const seen = isCut
    ? sideBySide(image, [k, l], [h, w])
    : overlapping(
        tfjs.pad(image, [
          [0, 0],
          [top, Math.max(bottom, k - 1 + h * steps[0] - top - H)],
          [left, Math.max(behind, l - 1 + w * steps[1] - left - W)],
          [0, 0],
        ]),
        [k, l],
        [h, w],
        steps,
      );
  const rows = tfjs.matMul(tfjs.reshape(seen, [-1, k * l * C]), tfjs.reshape(kernel, [k * l * C, O]));
  return tfjs.reshape(rows, [-1, h, w, O]);
}

const refusal = (image: Tensor, kernel: Tensor, problem: string): Error =>
  new Error(`conv2d of [${image.shape.join()}] with a kernel [${kernel.shape.join()}]: ${problem}`);

/** H, W, k, l, C and O. */
function sizesOf(
  image: Tensor,
  kernel: Tensor,
  { dataFormat, dilations }: { readonly dataFormat: string; readonly dilations: Pair },
): [number, number, number, number, number, number] {
  const wrong = (problem: string): Error => refusal(image, kernel, problem);
  if (image.rank !== 4 || kernel.rank !== 4)
    throw wrong('images are [B, H, W, C], kernels [height, width, C, outputs]');
  const [, H, W, C] = image.shape as [number, number, number, number];
  const [k, l, inputs, O] = kernel.shape as [number, number, number, number];
  if (inputs !== C) throw wrong(`the kernel is for ${inputs} channels, there are ${C}`);
  if (dataFormat !== 'NHWC') throw wrong(`the data format is ${dataFormat}; only NHWC is supported`);
  if (dilations.some((n) => n !== 1)) throw wrong('dilations other than 1 are not supported');
  return [H, W, k, l, C, O];
}

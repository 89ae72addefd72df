// The gradients that are added to those of TensorFlow.js, against central differences on its own cpu backend.
import { describe, expect, it } from 'vitest';
import * as tfjs from '#tfjs';
import * as tf from '../../engine/tensor/tf.js';
import { relativeError } from '../model/stage-run.js';
import { floats, type Input, onBackend } from './parity.js';

type T = tf.Tensor;

/** Slopes of sum(dy * body) in every element of every input, by central differences. */
function differences(inputs: readonly Input[], body: (...x: readonly T[]) => T): number[][] {
  const h = 1e-2;
  const at = (which: number, index: number, delta: number): Float32Array => {
    const moved = inputs.map((input, k) =>
      k === which ? { ...input, data: input.data.map((x, i) => (i === index ? x + delta : x)) as Float32Array } : input,
    );
    return onBackend('cpu', moved, [], body).value as Float32Array;
  };
  const dy = (n: number): Float32Array => floats('dy', [n]).data as Float32Array;
  return inputs.map((input, k) =>
    Array.from(input.data, (_, i) => {
      const [up, down] = [at(k, i, h), at(k, i, -h)];
      return up.reduce((sum, y, j) => sum + (dy(up.length)[j] as number) * (y - (down[j] as number)), 0) / (2 * h);
    }),
  );
}

const spread = (x: number): number => x * 2; // far apart, so that a step of h crosses no kink
const shapes = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [3, 1],
    [2, 1, 4],
  ],
  [[4], []],
] as const;
const products = [
  [[2, 3, 4], [4, 5], false, false],
  [[2, 3, 4], [5, 4], false, true],
  [[2, 4, 3], [4, 5], true, false],
  [[2, 4, 3], [5, 4], true, true],
  // Batch axes broadcast from one side only: the cpu backend multiplies the wrong samples when each side lacks another
  // axis.
  [[2, 3, 3, 4], [3, 4, 2], false, false],
  [[1, 3, 4], [2, 4, 5], false, false],
  [[3, 4], [2, 4, 5], false, false],
  [[4, 3], [5, 4], true, true],
] as const;

const convolutions = [
  [[2, 4, 6, 2], [2, 3, 2, 3], [2, 3], 'valid'],
  [[1, 5, 4, 2], [3, 3, 2, 2], 1, 'same'],
  [[1, 5, 6, 1], [3, 2, 1, 2], 2, 'same'],
  [[1, 6, 5, 1], [2, 3, 1, 2], [3, 1], 'valid'],
  [[1, 4, 4, 1], [3, 3, 1, 2], 2, 1],
] as const;

/** What the helper multiplies a result that is one number with. */
const seed = floats('dy', []).data[0] as number;

describe('an added gradient equals central differences', () => {
  const check = (inputs: readonly Input[], body: (...x: readonly T[]) => T): void => {
    const expected = differences(inputs, body);
    const { gradients } = onBackend(
      'cpu',
      inputs,
      inputs.map((_, i) => i),
      body,
    );
    // Rounding of the function values (6e-8 times about 10) over a step of 2e-2, for up to 30 terms.
    expected.forEach((slopes, k) =>
      slopes.forEach((slope, i) => expect(gradients[k]?.[i], `input ${k}, element ${i}`).toBeCloseTo(slope, 2.5)),
    );
  };

  it.each(shapes)('maximum, minimum, squaredDifference of %j and %j', (a, b) => {
    const inputs = [floats('left', a, spread), floats('right', b, spread)];
    for (const op of [tf.maximum, tf.minimum, tf.squaredDifference]) check(inputs, (x, y) => op(x as T, y as T));
  });

  it.each(products)('matMul of %j and %j, transposed %s and %s', (a, b, ta, tb) => {
    check([floats('a', a), floats('b', b)], (x, y) => tf.matMul(x as T, y as T, ta, tb));
  });

  // Axes that are summed and belong to one operand alone are in ops-parity.test.ts: the cpu backend forgets the other
  // operand there.
  it.each([
    ['ij,jk->ik', [3, 4], [4, 2]],
    ['bij,bkj->bik', [2, 3, 4], [2, 2, 4]],
    ['i,j->ji', [3], [2]],
  ] as const)('einsum of %s', (equation, a, b) => {
    check([floats('a', a), floats('b', b)], (x, y) => tf.einsum(equation, x as T, y as T));
  });

  it('einsum of one operand, summed and transposed', () => {
    check([floats('a', [2, 3, 4])], (x) => tf.einsum('abc->ca', x as T));
  });

  const cube = [2, 3, 4] as const;
  const ids = (data: number[], shape = [data.length]): T => tf.tensor(data, shape, 'int32');
  const functions: readonly (readonly [string, (x: T) => T, ((x: number) => number)?])[] = [
    ['cumsum along a middle axis', (x) => tf.cumsum(x, 1)],
    ['cumsum without itself, from behind', (x) => tf.cumsum(x, 0, true, true)],
    ['cumprod', (x) => tf.cumprod(x, 1)],
    ['cumprod without itself, from behind', (x) => tf.cumprod(x, -1, true, true)],
    ['prod along a negative axis', (x) => tf.prod(x, -2)],
    ['prod along two axes, the later first', (x) => tf.prod(x, [2, 0], true)],
    ['max along two axes', (x) => tf.max(x, [0, 2]), spread],
    ['min along an axis that stays', (x) => tf.min(x, 1, true), spread],
    ['topk', (x) => tf.topk(x, 2).values, spread],
    ['gather by argMax', (x) => tf.gather(tf.reshape(x, [24]), tf.argMax(tf.reshape(x, [24]))), spread],
    ['gather in batches', (x) => tf.gather(x, ids([1, 0, 1, 2], [2, 2]), 1, 1)],
    ['gather in batches of batches', (x) => tf.gather(x, ids([1, 0, 1, 2, 3, 3], [2, 3, 1]), 2, 2)],
    ['gatherND', (x) => tf.gatherND(x, ids([0, 1, 1, 0, 0, 1], [3, 2]))],
    ['scatterND, twice to one place', (x) => tf.scatterND(ids([2, 2], [2, 1]), x, [4, 3, 4])],
    ['tensorScatterUpdate from', (x) => tf.tensorScatterUpdate(tf.ones([3, 3, 4]), ids([0, 2], [2, 1]), x)],
    ['tensorScatterUpdate into', (x) => tf.tensorScatterUpdate(x, ids([1], [1, 1]), tf.ones([1, 3, 4]))],
    ['stridedSlice with masks', (x) => tf.stridedSlice(x, [0, 0, 3], [2, 0, 0], [1, 2, -2], 0, 2, 0, 0, 1)],
    ['tile of rank 5', (x) => tf.tile(tf.reshape(x, [2, 1, 3, 2, 2]), [1, 3, 2, 1, 2])],
    [
      'stridedSlice of rank 5',
      (x) => tf.stridedSlice(tf.reshape(x, [2, 1, 3, 2, 2]), [0, 0, 2], [2, 1, 0], [1, 1, -1]),
    ],
    ['topk of rank 3', (x) => tf.topk(tf.transpose(x, [2, 0, 1]), 2).values, spread],
    ['diag', (x) => tf.diag(tf.reshape(x, [4, 6]))],
    [
      'unsortedSegmentSum, with an id outside',
      (x) => tf.unsortedSegmentSum(tf.reshape(x, [6, 4]), ids([0, 1, -1, 0, 7, 1]) as tf.Tensor1D, 2),
    ],
    ['norm of matrices', (x) => tf.norm(x, 1, [2, 1]), spread],
    ['norm, euclidean', (x) => tf.norm(x, 2, [1], true)],
    ['logSumExp', (x) => tf.logSumExp(x, [0, 2])],
    ['divNoNan', (x) => tf.divNoNan(tf.sin(x), tf.add(tf.square(x), 1))],
    ['floorDiv', (x) => tf.mul(x, tf.cast(tf.floorDiv(tf.add(x, 60), 50), 'float32'))],
    ['a cast to integers and back', (x) => tf.mul(x, tf.cast(tf.cast(tf.mul(tf.add(x, 9), 0.05), 'int32'), 'float32'))],
    [
      'all, any and logicalXor as masks',
      (x) => {
        const [a, b] = [tf.greater(x, -9), tf.less(x, -9)];
        const mask = tf.logicalXor(tf.all(a, 1, true), tf.any(b, 1, true));
        return tf.where(mask, tf.square(x), x);
      },
    ],
    ['atan2', (x) => tf.atan2(x, tf.add(tf.square(x), 0.5))],
    ['pow of both', (x) => tf.pow(tf.add(tf.square(x), 0.5), tf.sin(x))],
    ['relu6', (x) => tf.relu6(tf.mul(x, 2)), spread],
    ['abs', (x) => tf.abs(x), spread],
  ];
  it.each(functions.map(([name, body, map = (x) => x]) => [name, body, map] as const))('%s', (_, body, map) =>
    check([floats('x', cube, map)], (x) => body(x as T)),
  );

  it.each(convolutions)('conv2d of %j by %j, strides %j, padding %s', (image, kernel, strides, pad) => {
    const inputs = [floats('x', image), floats('kernel', kernel)];
    check(inputs, (x, k) => tf.conv2d(x as T, k as T, strides as [number, number], pad));
    const [ours, theirs] = [tf.conv2d, tfjs.conv2d].map((conv2d) =>
      onBackend('cpu', inputs, [], (x, k) => (conv2d as typeof tf.conv2d)(x as T, k as T, strides, pad)),
    );
    // Sums of up to 18 products, in another order.
    expect(relativeError(ours?.value ?? [], (theirs?.value ?? []) as Float32Array)).toBeLessThan(1e-6);
  });

  it('conv2d names what it cannot do', () => {
    const [image, kernel] = [tf.ones([1, 5, 5, 2]), tf.ones([3, 3, 1, 4])];
    expect(() => tf.conv2d(image, kernel, 1, 'valid')).toThrow('the kernel is for 1 channels, there are 2');
    expect(() => tf.conv2d(image, tf.ones([7, 3, 2, 4]), 1, 'valid')).toThrow('leave no window');
  });

  it('cumprod through a zero', () => {
    const data = Float32Array.of(2, 3, 0, 4, 1, 5, 0, 2, 0, 3);
    check([{ shape: [2, 5], dtype: 'float32', data }], (x) => tf.cumprod(x as T, 1));
  });

  it('where under a comparison, with zero slope through the condition', () => {
    check([floats('left', [6], spread), floats('right', [6], spread)], (x, y) =>
      tf.where(
        tf.logicalOr(tf.greater(x as T, y as T), tf.notEqual(x as T, x as T)),
        tf.mul(x as T, 2),
        tf.square(y as T),
      ),
    );
  });
});

// Where a slope jumps or does not exist, PyTorch 2 has these; NaN and infinities are its own, too.
describe('a gradient at a special point is that of PyTorch', () => {
  const many = (...x: number[]): Input => ({ shape: [x.length], dtype: 'float32', data: Float32Array.from(x) });
  const INF = Infinity;
  type Case = readonly [string, readonly Input[], (...x: readonly T[]) => T, readonly (readonly number[])[]];
  const cases: readonly Case[] = [
    ['sqrt', [many(0, 1, INF)], (x) => tf.sqrt(x as T), [[INF, 0.5, 0]]],
    ['rsqrt', [many(0, 1)], (x) => tf.rsqrt(x as T), [[-INF, -0.5]]],
    ['abs', [many(0, -0, 1, -INF)], (x) => tf.abs(x as T), [[0, 0, 1, -1]]],
    ['log', [many(0, 1)], (x) => tf.log(x as T), [[INF, 1]]],
    ['reciprocal', [many(0, 2)], (x) => tf.reciprocal(x as T), [[-INF, -0.25]]],
    [
      'pow',
      [many(0, 0, 0, 0, 2), many(0, 1, 0.5, 2, 0)],
      (x, y) => tf.pow(x as T, y as T),
      [
        [0, 1, INF, 0, 0],
        [0, 0, 0, 0, Math.fround(Math.LN2)],
      ],
    ],
    [
      'maximum',
      [many(1, 2), many(1, 1)],
      (x, y) => tf.maximum(x as T, y as T),
      [
        [0.5, 1],
        [0.5, 0],
      ],
    ],
    [
      'minimum',
      [many(1, 2), many(1, 1)],
      (x, y) => tf.minimum(x as T, y as T),
      [
        [0.5, 0],
        [0.5, 1],
      ],
    ],
    ['max', [many(1, 1, 0)], (x) => tf.max(x as T), [[0.5, 0.5, 0]]],
    ['min', [many(1, 1, 2)], (x) => tf.min(x as T), [[0.5, 0.5, 0]]],
    ['relu', [many(0, -0, 1)], (x) => tf.relu(x as T), [[0, 0, 1]]],
    ['relu6', [many(0, 6, 3, 7)], (x) => tf.relu6(x as T), [[0, 0, 1, 0]]],
    [
      'atan2',
      [many(0, 0, 1), many(0, -1, 0)],
      (x, y) => tf.atan2(x as T, y as T),
      [
        [0, -1, 0],
        [0, 0, -1],
      ],
    ],
    ['norm', [many(0, 0)], (x) => tf.norm(x as T), [[0, 0]]],
    ['the method norm', [many(0, 0)], (x) => (x as unknown as { norm(): T }).norm(), [[0, 0]]],
    ['euclideanNorm', [many(0, 0)], (x) => tf.euclideanNorm(x as T), [[0, 0]]],
    ['norm 1', [many(0, 1)], (x) => tf.norm(x as T, 1), [[0, 1]]],
    ['norm infinity', [many(1, 0, -1)], (x) => tf.norm(x as T, INF), [[0.5, 0, -0.5]]],
    [
      'divNoNan',
      [many(0, 1), many(0, 0)],
      (x, y) => tf.divNoNan(x as T, y as T),
      [
        [0, 0],
        [0, 0],
      ],
    ],
    ['prod', [many(0, 2, 3)], (x) => tf.prod(x as T), [[6, 0, 0]]],
    ['cumprod', [many(0, 2, 3)], (x) => tf.cumprod(x as T), [[9, 0, 0]]],
    ['variance', [many(1, 1)], (x) => tf.moments(x as T).variance, [[0, 0]]],
    ['logSumExp', [many(-INF, 0)], (x) => tf.logSumExp(x as T), [[0, 1]]],
    ['softmax', [many(-INF, 0)], (x) => tf.softmax(x as T), [[0, 0]]],
    ['logSoftmax', [many(-INF, 0)], (x) => tf.logSoftmax(x as T), [[1, -1]]],
    ['floor', [many(1, 0.5)], (x) => tf.floor(x as T), [[0, 0]]],
    ['sign', [many(0, 1)], (x) => tf.sign(x as T), [[0, 0]]],
    ['logSigmoid', [many(-100, 0)], (x) => tf.logSigmoid(x as T), [[1, 0.5]]],
  ];

  it.each(cases)('%s', (_, inputs, body, expected) => {
    const wrt = inputs.map((_x, i) => i);
    // The seed of the helper is random, so the gradient is asked of the sum.
    const { gradients } = onBackend('cpu', inputs, wrt, (...x) => tf.mul(tf.sum(body(...x)), tf.div(1, seed)));
    expect(gradients.map((gradient) => Array.from(gradient, (g) => g + 0))).toEqual(expected);
  });

  it('logSumExp is infinite where the largest number is', () => {
    const { value } = onBackend('cpu', [many(-INF, -INF, INF, 1)], [], (x) =>
      tf.logSumExp(tf.reshape(x as T, [2, 2]), 1),
    );
    expect([...value]).toEqual([-INF, INF]);
  });
});

// Drawn digits: images of the ten digits from strokes, each turned, scaled, shifted and covered with noise by its own
// random numbers.
import { normalAt, randomKey, uniformAt } from '../core/random.js';

type Point = readonly [x: number, y: number];

/** Strokes of each digit as polylines in a box of width 2 and height 4 around the origin, y pointing down. */
const STROKES: readonly (readonly (readonly Point[])[])[] = [
  [
    [
      [-1, -1],
      [0, -2],
      [1, -1],
      [1, 1],
      [0, 2],
      [-1, 1],
      [-1, -1],
    ],
  ],
  [
    [
      [-0.6, -1.2],
      [0.2, -2],
      [0.2, 2],
    ],
  ],
  [
    [
      [-1, -1],
      [0, -2],
      [1, -1],
      [-1, 2],
      [1, 2],
    ],
  ],
  [
    [
      [-1, -1.6],
      [0, -2],
      [1, -1],
      [0, 0],
      [1, 1],
      [0, 2],
      [-1, 1.6],
    ],
  ],
  [
    [
      [0.4, 2],
      [0.4, -2],
      [-1, 0.8],
      [1, 0.8],
    ],
  ],
  [
    [
      [1, -2],
      [-1, -2],
      [-1, -0.2],
      [0.4, -0.2],
      [1, 0.8],
      [0.2, 2],
      [-1, 1.7],
    ],
  ],
  [
    [
      [0.8, -2],
      [-1, 0.2],
      [-1, 1.2],
      [0, 2],
      [1, 1.1],
      [0, 0.2],
      [-1, 0.9],
    ],
  ],
  [
    [
      [-1, -2],
      [1, -2],
      [-0.3, 2],
    ],
  ],
  [
    [
      [0, 0],
      [-0.9, -1],
      [0, -2],
      [0.9, -1],
      [0, 0],
      [-1, 1],
      [0, 2],
      [1, 1],
      [0, 0],
    ],
  ],
  [
    [
      [1, -0.9],
      [0, 0],
      [-1, -1],
      [0, -2],
      [1, -1.1],
      [1, 0],
      [0.2, 2],
    ],
  ],
];

/** A piece of a stroke: from (ax, ay), by (dx, dy). */
interface Segment {
  readonly ax: number;
  readonly ay: number;
  readonly dx: number;
  readonly dy: number;
  readonly squared: number;
}

const SEGMENTS: readonly (readonly Segment[])[] = STROKES.map((lines) =>
  lines.flatMap((line) =>
    line.slice(1).map(([bx, by], i): Segment => {
      const [ax, ay] = line[i] as Point;
      const [dx, dy] = [bx - ax, by - ay];
      return { ax, ay, dx, dy, squared: dx * dx + dy * dy };
    }),
  ),
);

const NOISE_STD = 0.25;
/** Half the width of a stroke, in units of the box. */
const STROKE = 0.32;

/** Relative error of a sum of two squares and of a length, with a wide margin. */
const CLOSE = 1 + 1e-12;

/** How far (x, y) is from the nearest of some segments; Infinity where that is beyond `reach`. */
function nearest(x: number, y: number, segments: readonly Segment[], reach: number): number {
  // The exact length of a vector takes many times as long as its square, which says which few could be the shortest.
  let leastSquared = reach * reach;
  let least = Infinity;
  for (const { ax, ay, dx, dy, squared } of segments) {
    const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / squared));
    const [ex, ey] = [x - ax - along * dx, y - ay - along * dy];
    const square = ex * ex + ey * ey;
    if (square > leastSquared * CLOSE) continue;
    leastSquared = Math.min(leastSquared, square);
    least = Math.min(least, Math.hypot(ex, ey));
  }
  return least;
}

/** `samples` images [samples, size, size] and their labels; sample i depends on (seed, i) alone. */
export function drawDigits(samples: number, size: number, seed: number): { images: Float32Array; labels: Int32Array } {
  const images = new Float32Array(samples * size * size);
  const labels = new Int32Array(samples);
  for (let id = 0; id < samples; id++) {
    const key = randomKey(seed, 'synthetic:digits', id);
    const spread = (counter: number, limit: number): number => (2 * uniformAt(key, counter) - 1) * limit;
    const label = Math.floor(uniformAt(key, 0) * 10);
    const scale = (size / 5.6) * (1 + spread(1, 0.15));
    const angle = spread(2, 0.25);
    const [shiftX, shiftY, slant] = [spread(3, 0.09 * size), spread(4, 0.06 * size), spread(5, 0.2)];
    const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
    const noise = randomKey(seed, 'synthetic:digits', id, 'noise');
    const segments = SEGMENTS[label] as readonly Segment[];
    // Beyond this there is no ink.
    const reach = STROKE + 1 / scale;
    labels[id] = label;
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const [px, py] = [column + 0.5 - size / 2 - shiftX, row + 0.5 - size / 2 - shiftY];
        const y = -sin * px + cos * py;
        const x = cos * px + sin * py + slant * y;
        // The edge of a stroke fades over one pixel.
        const ink = Math.min(1, Math.max(0, (STROKE - nearest(x, y, segments, reach)) * scale + 0.5));
        const pixel = row * size + column;
        images[id * size * size + pixel] = 1.5 * ink - 0.4 + NOISE_STD * normalAt(noise, pixel);
      }
    }
  }
  return { images, labels };
}

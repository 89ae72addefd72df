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

/** Distance of (x, y) to the segment from a to b. */
function distance(x: number, y: number, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

const NOISE_STD = 0.25;
/** Half the width of a stroke, in units of the box. */
const STROKE = 0.32;

/** How far (x, y) is from the nearest of some lines. */
function nearest(x: number, y: number, lines: readonly (readonly Point[])[]): number {
  let least = Infinity;
  for (const line of lines)
    for (let i = 1; i < line.length; i++)
      least = Math.min(least, distance(x, y, line[i - 1] as Point, line[i] as Point));
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
    const lines = STROKES[label] as readonly (readonly Point[])[];
    labels[id] = label;
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const [px, py] = [column + 0.5 - size / 2 - shiftX, row + 0.5 - size / 2 - shiftY];
        const y = -sin * px + cos * py;
        const x = cos * px + sin * py + slant * y;
        // The edge of a stroke fades over one pixel.
        const ink = Math.min(1, Math.max(0, (STROKE - nearest(x, y, lines)) * scale + 0.5));
        const pixel = row * size + column;
        images[id * size * size + pixel] = 1.5 * ink - 0.4 + NOISE_STD * normalAt(noise, pixel);
      }
    }
  }
  return { images, labels };
}

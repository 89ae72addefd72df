// Curve: the points of one line of a chart, thinned as they come, so that a long run makes neither a large file nor a
// large heap. It draws nothing.

export class Curve {
  readonly #most: number;
  readonly #total: number;
  readonly #bins: { x: number; y: number; count: number }[] = [];
  #count = 0;

  /** At most `most` points: each is the mean of a run of neighbours, of the `total` that will come. */
  constructor(total: number, most: number) {
    this.#total = total;
    this.#most = most;
  }

  add(x: number, y: number): void {
    const { length } = this.#bins;
    const wanted =
      this.#total <= this.#most ? length : Math.floor((this.#count * this.#most) / Math.max(this.#total, 1));
    this.#count++;
    const last = this.#bins.at(-1);
    if (last === undefined || (wanted >= length && length < this.#most)) this.#bins.push({ x, y, count: 1 });
    else {
      last.x += x;
      last.y += y;
      last.count++;
    }
  }

  get points(): readonly (readonly [x: number, y: number])[] {
    return this.#bins.map(({ x, y, count }) => [x / count, y / count] as const);
  }
}

/** As a Curve, of points that are there already. */
export function thin(
  points: readonly (readonly [number, number])[],
  most: number,
): readonly (readonly [number, number])[] {
  const curve = new Curve(points.length, most);
  for (const [x, y] of points) curve.add(x, y);
  return curve.points;
}

/** Exponential mean that starts unbiased; `span` is about how many values it looks back. */
export class Smoother {
  readonly #keep: number;
  #sum = 0;
  #weight = 0;

  constructor(span: number) {
    this.#keep = 1 - 1 / Math.max(1, span);
  }

  /** The mean with one more value. */
  next(value: number): number {
    this.#sum = this.#keep * this.#sum + value;
    this.#weight = this.#keep * this.#weight + 1;
    return this.#sum / this.#weight;
  }
}

/** Values that a median keeps at most: more of them would not move it. */
const MAX_VALUES = 4096;

/** The median of what came: exact for some thousand values, of every n-th one for more. */
export class RunningMedian {
  #values: number[] = [];
  #stride = 1;
  #count = 0;

  add(value: number): void {
    if (this.#count++ % this.#stride === 0) this.#values.push(value);
    if (this.#values.length < MAX_VALUES) return;
    this.#values = this.#values.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }

  /** Null where nothing came. */
  get value(): number | null {
    return [...this.#values].sort((a, b) => a - b)[Math.floor(this.#values.length / 2)] ?? null;
  }
}

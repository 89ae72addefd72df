// Attention: kernels of scaled dot-product attention and of its gradient, head by head, so that the scores of a head
// stay in the cache; heads are read and written where they lie, side by side. B samples, T queries, S keys, H heads of
// E features.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { type GeneralRegister, k2, r9, r10, r11, r13, rax, rbp, rcx, rdi, rdx, rsi, zmm } from '../x86/registers.js';
import { Frame } from './frame.js';
import type { Kernel } from './kernel.js';
import { emitMask } from './packing.js';
import { emitProduct, productScratch, type ProductSpec, type Triangle } from './product.js';
import { emitScoreGradientRows, emitSoftmaxRows } from './score-rows.js';
import { VECTOR } from './tile.js';
import { TileSet } from './tile-set.js';

const FLOAT = 4;
const POINTER = 8;
const LINE = 64;
/** Added to scores of keys that are masked out. */
const BLOCKED = 1e9;

export interface AttentionSpec {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly heads: number;
  /** Features of a head. */
  readonly width: number;
  /** A query sees the keys up to its own place, counted from the end; needs at least as many keys as queries. */
  readonly causal: boolean;
  readonly hasMask: boolean;
}

const inLines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** The triangle that a causal mask leaves of a product. */
const triangle = ({ causal, queries, keys }: AttentionSpec, kind: Triangle['kind']): Pick<ProductSpec, 'triangle'> =>
  causal ? { triangle: { kind, offset: keys - queries } } : {};

/** What both kernels are made of: the loop over samples and heads, and the pointers that it moves. */
class HeadLoop {
  readonly a = new Assembler();
  readonly spec: AttentionSpec;
  readonly #frame = new Frame();
  readonly #tiles: TileSet;
  readonly #products: readonly ProductSpec[];
  /** Bytes of scratch memory in front of that of the products. */
  readonly #own: number;

  /** Threads that the heads may be given to. */
  readonly #threads: number;

  constructor(spec: AttentionSpec, products: readonly ProductSpec[], own: number, threads: number) {
    this.spec = spec;
    this.#threads = threads;
    this.#tiles = new TileSet(this.a);
    this.#products = products;
    this.#own = inLines(own);
  }

  pointer(name: string): ReturnType<Frame['slot']> {
    return this.#frame.slot(name);
  }

  /** Product `i`, of the matrices that these slots point to. */
  product(i: number, from: string, by: string, to: string): void {
    const { a } = this;
    a.mov(rsi, this.pointer(from));
    a.mov(rdx, this.pointer(by));
    a.mov(rcx, this.pointer(to));
    emitProduct(a, this.#products[i] as ProductSpec, this.#frame, this.#tiles);
  }

  /**
   * The kernel. `buffers` are the inputs and outputs in order, by name and by what one head has of them; `begin` is
   * done once per sample, with the own scratch memory under the name `own`, `head` once per head.
   */
  kernel(
    buffers: readonly (readonly [name: string, kind: 'queries' | 'keys' | 'scores' | 'mask'])[],
    begin: () => void,
    head: () => void,
  ): Kernel {
    const { a, spec } = this;
    const { queries, keys, width } = spec;
    // A part has samples of its own, or heads of its own in every sample.
    const by = spec.batch % this.#threads === 0 ? 'samples' : spec.heads % this.#threads === 0 ? 'heads' : null;
    const parts = by === null ? 1 : this.#threads;
    const [batch, heads] = [
      by === 'samples' ? spec.batch / parts : spec.batch,
      by === 'heads' ? spec.heads / parts : spec.heads,
    ];
    const [samples, headsLeft] = [this.pointer('samples'), this.pointer('heads')];
    const sizes = this.#products.map(productScratch);
    const packedB = inLines(Math.max(...sizes.map((size) => size.packedB)));
    const move = (name: string, bytes: number): void => {
      if (bytes !== 0) a.add(this.pointer(name), bytes);
    };
    this.#frame.enter(a);
    a.mov(this.pointer('own'), rsi);
    a.lea(r9, mem(rsi, { disp: this.#own }));
    a.lea(r10, mem(rsi, { disp: this.#own + packedB }));
    const row = spec.heads * width * FLOAT;
    const perHead = { queries: width * FLOAT, keys: width * FLOAT, scores: queries * keys * FLOAT, mask: 0 };
    const wholeSample = {
      queries: queries * row,
      keys: keys * row,
      scores: spec.heads * perHead.scores,
      mask: keys * FLOAT,
    };
    buffers.forEach(([name, kind], i) => {
      a.mov(rax, mem(rdi, { disp: i * POINTER }));
      if (parts > 1) {
        a.imul(rcx, rdx, by === 'samples' ? batch * wholeSample[kind] : heads * perHead[kind]);
        a.add(rax, rcx);
      }
      a.mov(this.pointer(name), rax);
    });
    a.mov(rax, batch);
    a.mov(samples, rax);
    const nextSample = a.bind();
    begin();
    a.mov(rax, heads);
    a.mov(headsLeft, rax);
    const nextHead = a.bind();
    head();
    for (const [name, kind] of buffers) move(name, perHead[kind]);
    a.sub(headsLeft, 1);
    a.jne(nextHead);
    for (const [name, kind] of buffers) move(name, wholeSample[kind] - heads * perHead[kind]);
    a.sub(samples, 1);
    a.jne(nextSample);
    this.#frame.leave(a);
    this.#tiles.emit();
    const outputs = buffers
      .filter(([name]) => name.startsWith('out '))
      .map(([, kind]) => (spec.batch * wholeSample[kind]) / FLOAT);
    const inputs = buffers.slice(0, buffers.length - outputs.length).map(() => 'float32' as const);
    const scratchBytes = this.#own + packedB + Math.max(...sizes.map((size) => size.packedA));
    return { code: a.finish(), inputs, outputs, scratchBytes, parts };
  }
}

/**
 * Buffers: q [B, T, HE], k and v [B, S, HE], mask [B, S] if there is one (1: counts, 0: does not); y [B, T, HE],
 * probabilities [B, H, T, S].
 */
export function attentionKernel(spec: AttentionSpec, threads = 1): Kernel {
  const { queries, keys, heads, width, hasMask } = spec;
  const stride = heads * width;
  const products: ProductSpec[] = [
    {
      rows: queries,
      columns: keys,
      inner: width,
      transA: false,
      transB: true,
      strideA: stride,
      strideB: stride,
      strideC: keys,
      alpha: 1 / Math.sqrt(width),
      ...triangle(spec, 'columns'),
    },
    {
      rows: queries,
      columns: width,
      inner: keys,
      transA: false,
      transB: false,
      strideA: keys,
      strideB: stride,
      strideC: stride,
      ...triangle(spec, 'inner'),
    },
  ];
  const loop = new HeadLoop(spec, products, hasMask ? (keys + VECTOR) * FLOAT : 0, threads);
  const { a } = loop;
  const begin = (): void => {
    if (!hasMask) return;
    a.mov(rsi, loop.pointer('mask'));
    a.mov(rdx, loop.pointer('own'));
    emitBlocked(a, keys, rsi, rdx);
  };
  const head = (): void => {
    loop.product(0, 'q', 'k', 'out p');
    a.mov(r11, loop.pointer('out p'));
    if (hasMask) a.mov(rsi, loop.pointer('own'));
    emitSoftmaxRows(a, { rows: queries, columns: keys, causal: spec.causal ? keys - queries : null }, hasMask);
    loop.product(1, 'out p', 'v', 'out y');
  };
  return loop.kernel(
    [
      ['q', 'queries'],
      ['k', 'keys'],
      ['v', 'keys'],
      ...(hasMask ? [['mask', 'mask'] as const] : []),
      ['out y', 'queries'],
      ['out p', 'scores'],
    ],
    begin,
    head,
  );
}

/** What is added to scores: (mask - 1) 1e9, for the mask [keys] at `from`. */
function emitBlocked(a: Assembler, keys: number, from: GeneralRegister, to: GeneralRegister): void {
  const [full, rest] = [Math.floor(keys / VECTOR), keys % VECTOR];
  const vector = (isPartial: boolean): void => {
    a.vmovups(isPartial ? zmm(0).zeroed(k2) : zmm(0), mem(from));
    a.vsubps(zmm(0), zmm(0), a.splat(1));
    a.vmulps(zmm(0), zmm(0), a.splat(BLOCKED));
    a.vmovups(mem(to), zmm(0));
  };
  if (full > 0) {
    a.mov(rcx, full);
    const loop = a.bind();
    vector(false);
    a.add(from, VECTOR * FLOAT);
    a.add(to, VECTOR * FLOAT);
    a.dec(rcx);
    a.jne(loop);
  }
  if (rest === 0) return;
  emitMask(a, k2, rest);
  vector(true);
}

/**
 * Buffers: dy [B, T, HE], q, k, v, y, probabilities; dq [B, T, HE], dk and dv [B, S, HE]. With P the probabilities and
 * O = y: dV = P' dO; dS = P (dO V' - rowsum(dO O)); dQ = dS K; dK = dS' Q, both scaled; rowsum(dO O) is rowsum(P dP),
 * over E terms and not S.
 */
export function attentionGradientKernel(spec: AttentionSpec, threads = 1): Kernel {
  const { queries, keys, heads, width } = spec;
  const stride = heads * width;
  const alpha = 1 / Math.sqrt(width);
  const products: ProductSpec[] = [
    {
      rows: keys,
      columns: width,
      inner: queries,
      transA: true,
      transB: false,
      strideA: keys,
      strideB: stride,
      strideC: stride,
      ...triangle(spec, 'inner-from'),
    },
    {
      rows: queries,
      columns: keys,
      inner: width,
      transA: false,
      transB: true,
      strideA: stride,
      strideB: stride,
      strideC: keys,
      ...triangle(spec, 'columns'),
    },
    {
      rows: queries,
      columns: width,
      inner: keys,
      transA: false,
      transB: false,
      strideA: keys,
      strideB: stride,
      strideC: stride,
      alpha,
      ...triangle(spec, 'inner'),
    },
    {
      rows: keys,
      columns: width,
      inner: queries,
      transA: true,
      transB: false,
      strideA: keys,
      strideB: stride,
      strideC: stride,
      alpha,
      ...triangle(spec, 'inner-from'),
    },
  ];
  const loop = new HeadLoop(spec, products, (queries * keys + VECTOR) * FLOAT, threads);
  const { a } = loop;
  const head = (): void => {
    loop.product(0, 'p', 'dy', 'out dv');
    loop.product(1, 'dy', 'v', 'own');
    a.mov(r11, loop.pointer('own'));
    a.mov(r13, loop.pointer('p'));
    a.mov(rdx, loop.pointer('dy'));
    a.mov(rbp, loop.pointer('y'));
    emitScoreGradientRows(
      a,
      { rows: queries, columns: keys, causal: spec.causal ? keys - queries : null },
      width,
      stride * FLOAT,
    );
    loop.product(2, 'own', 'k', 'out dq');
    loop.product(3, 'own', 'q', 'out dk');
  };
  return loop.kernel(
    [
      ['dy', 'queries'],
      ['q', 'queries'],
      ['k', 'keys'],
      ['v', 'keys'],
      ['y', 'queries'],
      ['p', 'scores'],
      ['out dq', 'queries'],
      ['out dk', 'keys'],
      ['out dv', 'keys'],
    ],
    () => undefined,
    head,
  );
}

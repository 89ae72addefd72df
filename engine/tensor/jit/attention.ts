// Attention: kernels of scaled dot-product attention and of its gradient, head by head, so that the scores of a head
// stay in the cache; heads are read and written where they lie, side by side. B samples, T queries, S keys, H heads of
// E features.
import type { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { type GeneralRegister, k2, r11, r13, rbp, rcx, rdx, rsi, zmm } from '../x86/registers.js';
import { type AttentionSpec, HeadLoop, type HeadProduct } from './head-loop.js';
import type { Kernel } from './kernel.js';
import { emitMask } from './packing.js';
import { emitProduct, productScratch, type ProductSpec, type Triangle } from './product.js';
import { emitScoreGradientRows, emitSoftmaxRows } from './score-rows.js';
import { VECTOR } from './tile.js';

const FLOAT = 4;
/** Added to scores of keys that are masked out. */
const BLOCKED = 1e9;

/** The triangle that a causal mask leaves of a product. */
const triangle = ({ causal, queries, keys }: AttentionSpec, kind: Triangle['kind']): Pick<ProductSpec, 'triangle'> =>
  causal ? { triangle: { kind, offset: keys - queries } } : {};

/** Products of float32 as a head loop wants them. */
const headProducts = (specs: readonly ProductSpec[]): readonly HeadProduct[] =>
  specs.map((spec) => ({
    before: 0,
    ...productScratch(spec),
    emit: (a, frame, tiles) => {
      emitProduct(a, spec, frame, tiles);
    },
  }));

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
  const loop = new HeadLoop(spec, headProducts(products), hasMask ? (keys + VECTOR) * FLOAT : 0, threads);
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
export function emitBlocked(a: Assembler, keys: number, from: GeneralRegister, to: GeneralRegister): void {
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
  const loop = new HeadLoop(spec, headProducts(products), (queries * keys + VECTOR) * FLOAT, threads);
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

// HalfAttention: kernels of attention and of its gradient in a bf16 run: all matrices that are multiplied are bfloat16,
// the probabilities and the gradients of the scores among them; scores, their softmax and all sums are float32.
import type { Assembler } from '../x86/assembler.js';
import { r11, r13, rax, rbp, rdx, rsi } from '../x86/registers.js';
import { emitBlocked } from './attention.js';
import { tileShapes } from './block.js';
import type { HalfWay } from './cpu-features.js';
import { emitHalfProduct, halfProductScratch, type HalfProductSpec } from './half-product.js';
import { type AttentionSpec, HeadLoop, type HeadProduct } from './head-loop.js';
import type { Kernel } from './kernel.js';
import { roundingOf } from './rounding.js';
import { emitHalfScoreGradientRows, emitSoftmaxRows } from './score-rows.js';
import { VECTOR } from './tile.js';

const FLOAT = 4;
const HALF = 2;
const LINE = 64;

export interface HalfAttentionSpec extends AttentionSpec {
  /** Which outputs are bfloat16: y; or dq, dk and dv. */
  readonly rounds: readonly boolean[];
}

const inLines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

const headProducts = (specs: readonly Omit<HalfProductSpec, 'hasBias'>[], way: HalfWay): readonly HeadProduct[] =>
  specs.map((given) => {
    const spec = { ...given, hasBias: false };
    return {
      ...halfProductScratch(spec, way),
      emit: (a, frame, tiles) => {
        emitHalfProduct(a, spec, way, frame, tiles);
      },
    };
  });

/** What stands around the loop. */
const around = (a: Assembler, way: HalfWay) =>
  way === 'tiles'
    ? {
        start: () => {
          a.ldtilecfg(a.table(tileShapes()));
        },
        end: () => {
          a.tilerelease();
        },
      }
    : {};

const typeOf = (isHalf: boolean | undefined) => (isHalf === true ? ('bfloat16' as const) : ('float32' as const));

/** Points `name` to a place in the own scratch memory. */
function emitPlace(loop: HeadLoop, name: string, bytes: number): void {
  const { a } = loop;
  a.mov(rax, loop.pointer('own'));
  a.add(rax, bytes);
  a.mov(loop.pointer(name), rax);
}

/**
 * Buffers: q [B, T, HE], k and v [B, S, HE], mask [B, S] in float32 if there is one; y [B, T, HE], probabilities [B, H,
 * T, S].
 */
export function halfAttentionKernel(spec: HalfAttentionSpec, threads: number, way: HalfWay): Kernel {
  const { queries, keys, heads, width, hasMask } = spec;
  const stride = heads * width;
  const products = headProducts(
    [
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
        rounds: false,
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
        rounds: spec.rounds[0] === true,
      },
    ],
    way,
  );
  const maskBytes = hasMask ? inLines((keys + VECTOR) * FLOAT) : 0;
  const loop = new HeadLoop(spec, products, maskBytes + (queries * keys + VECTOR) * FLOAT, threads);
  const { a } = loop;
  const begin = (): void => {
    emitPlace(loop, 'scores', maskBytes);
    if (!hasMask) return;
    a.mov(rsi, loop.pointer('mask'));
    a.mov(rdx, loop.pointer('own'));
    emitBlocked(a, keys, rsi, rdx);
  };
  const head = (): void => {
    loop.product(0, 'q', 'k', 'scores');
    a.mov(r11, loop.pointer('scores'));
    a.mov(r13, loop.pointer('out p'));
    if (hasMask) a.mov(rsi, loop.pointer('own'));
    const shape = { rows: queries, columns: keys, causal: spec.causal ? keys - queries : null };
    emitSoftmaxRows(a, shape, hasMask, roundingOf(way));
    loop.product(1, 'out p', 'v', 'out y');
  };
  return loop.kernel(
    [
      ['q', 'queries', 'bfloat16'],
      ['k', 'keys', 'bfloat16'],
      ['v', 'keys', 'bfloat16'],
      ...(hasMask ? [['mask', 'mask'] as const] : []),
      ['out y', 'queries', typeOf(spec.rounds[0])],
      ['out p', 'scores', 'bfloat16'],
    ],
    begin,
    head,
    around(a, way),
  );
}

/** Buffers: dy, q, k, v, y, probabilities; dq, dk, dv. The gradients are those of attentionGradientKernel. */
export function halfAttentionGradientKernel(spec: HalfAttentionSpec, threads: number, way: HalfWay): Kernel {
  const { queries, keys, heads, width } = spec;
  const stride = heads * width;
  const alpha = 1 / Math.sqrt(width);
  const ofScores = { columns: width, transB: false, strideA: keys, strideB: stride, strideC: stride };
  const [isHalfQ, isHalfK, isHalfV] = [0, 1, 2].map((i) => spec.rounds[i] === true) as [boolean, boolean, boolean];
  const products = headProducts(
    [
      { ...ofScores, rows: keys, inner: queries, transA: true, rounds: isHalfV },
      {
        rows: queries,
        columns: keys,
        inner: width,
        transA: false,
        transB: true,
        strideA: stride,
        strideB: stride,
        strideC: keys,
        rounds: false,
      },
      { ...ofScores, rows: queries, inner: keys, transA: false, alpha, rounds: isHalfQ },
      { ...ofScores, rows: keys, inner: queries, transA: true, alpha, rounds: isHalfK },
    ],
    way,
  );
  const scoreBytes = inLines((queries * keys + VECTOR) * FLOAT);
  const loop = new HeadLoop(spec, products, scoreBytes + (queries * keys + VECTOR) * HALF, threads);
  const { a } = loop;
  const head = (): void => {
    loop.product(0, 'p', 'dy', 'out dv');
    loop.product(1, 'dy', 'v', 'own');
    a.mov(r11, loop.pointer('own'));
    a.mov(r13, loop.pointer('p'));
    a.mov(rdx, loop.pointer('dy'));
    a.mov(rbp, loop.pointer('y'));
    a.mov(rsi, loop.pointer('slopes'));
    const shape = { rows: queries, columns: keys, causal: spec.causal ? keys - queries : null };
    emitHalfScoreGradientRows(a, shape, width, stride * HALF, roundingOf(way));
    loop.product(2, 'slopes', 'k', 'out dq');
    loop.product(3, 'slopes', 'q', 'out dk');
  };
  return loop.kernel(
    [
      ['dy', 'queries', 'bfloat16'],
      ['q', 'queries', 'bfloat16'],
      ['k', 'keys', 'bfloat16'],
      ['v', 'keys', 'bfloat16'],
      ['y', 'queries', 'bfloat16'],
      ['p', 'scores', 'bfloat16'],
      ['out dq', 'queries', typeOf(isHalfQ)],
      ['out dk', 'keys', typeOf(isHalfK)],
      ['out dv', 'keys', typeOf(isHalfV)],
    ],
    () => {
      emitPlace(loop, 'slopes', scoreBytes);
    },
    head,
    around(a, way),
  );
}

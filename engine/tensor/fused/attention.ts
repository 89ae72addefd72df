// attention: multi-head scaled dot-product attention. The forward leaves the probabilities for the backward.
// B samples, T positions, H heads, E = D / H features per head.
import { ModelError } from '../../core/errors.js';
import { present } from '../../core/invariant.js';
import type { AttentionSpec } from '../jit/head-loop.js';
import { flagAttr, numberAttr } from '../ops/attributes.js';
import { defineOp, type EmitContext, type NodeWriter, type OpDefinition, type Operand } from '../ops/definition.js';
import { cast, castAttributes, finishReshape, int64s, reshape, scalar } from '../ops/emit.js';
import { at } from '../ops/shapes.js';
import { type Shape, sizeOf } from '../shape.js';
import { cast as castTensor, type GradConfig, type Tensor, zeros } from '../tf.js';
import { defineGradient, firstOf, runOp } from './gradient.js';
import { LEAVES_LOG_SUM_EXP } from './log-sum-exp.js';

/**
 * Added to scores that must not count: far below any score, yet finite, so that a row without any allowed position
 * stays finite.
 */
const BLOCKED = -1e9;
const MICROSOFT = 'com.microsoft';
const SWAP_HEADS = { perm: [0, 2, 1, 3] };

function dimensions(e: EmitContext, x: Operand): { b: number; t: number; d: number; h: number; width: number } {
  const [b, t, d] = x.shape as [number, number, number];
  const h = numberAttr(e.attrs, 'heads');
  return { b, t, d, h, width: d / h };
}

/** [B, T, D] to [B, H, T, E]. */
function splitHeads(e: EmitContext, x: Operand): string {
  const { b, t, h, width } = dimensions(e, x);
  return e.node('Transpose', [reshape(e, x.name, [b, t, h, width])], SWAP_HEADS);
}

/** [B, H, T, E] to output `i` [B, T, D]. */
const finishMerged = (e: EmitContext, heads: string, i: number): void =>
  finishReshape(e, e.node('Transpose', [heads], SWAP_HEADS), i);

interface ProductOptions {
  readonly transA?: number;
  readonly transB?: number;
  /** The operand is [T, H, E] and is read as [H, T, E]. */
  readonly transBatchA?: number;
  readonly transBatchB?: number;
  readonly alpha?: { readonly float: number };
}

const product = (e: NodeWriter, a: string, b: string, options: ProductOptions): string =>
  e.node('FusedMatMul', [a, b], { ...options }, MICROSOFT);

/** Whether a bf16 run computes it: then what it multiplies of its own is rounded before. */
const rounds = (e: EmitContext): boolean => flagAttr(e.attrs, 'rounds');

/** A value of its own as a product reads it: rounded in a bf16 run. */
const operand = (e: NodeWriter, x: string, isRounded: boolean): string =>
  isRounded ? cast(e, cast(e, x, 'bfloat16'), 'float32') : x;

/** The probabilities as the backward reads them. */
const probabilitiesOf = (e: EmitContext): Operand => {
  const x = e.input(5);
  return { ...x, name: rounds(e) ? cast(e, x.name, 'float32') : x.name, dtype: 'float32' };
};

/** What is added to the scores: [T, S] for causal, or null. */
function causalMask(e: EmitContext): string | null {
  if (!flagAttr(e.attrs, 'causal')) return null;
  const [t, s] = [at(e.input(0).shape, 1), at(e.input(1).shape, 1)];
  const full = e.node('Expand', [scalar(e, 'float32', BLOCKED), int64s(e, [t, s])]);
  return e.node('Trilu', [full, e.constant('int64', [], [1 + s - t])], { upper: 1 });
}

/** What is added to the scores: [B, 1, 1, S] for a key mask, or null. */
function keyMask(e: EmitContext): Operand | null {
  if (e.inputs.length < 4) return null;
  const ignored = e.node('Sub', [scalar(e, 'float32', 1), e.input(3).name]);
  const shape = [at(e.input(3).shape, 0), 1, 1, at(e.input(3).shape, 1)];
  return { name: reshape(e, e.node('Mul', [ignored, scalar(e, 'float32', BLOCKED)]), shape), shape, dtype: 'float32' };
}

/** From this many scores on, attention is computed sample by sample, ... */
const SCORES_TO_TILE = 256 * 1024;
/** ... if a sample has enough of them. */
const SMALLEST_TILE = 16 * 1024;

/**
 * Whether all that belongs to one sample is computed before the next one: then it fits the cache, and heads are read in
 * place.
 */
const isTiled = (scores: Shape): boolean =>
  sizeOf(scores) >= SCORES_TO_TILE && sizeOf(scores.slice(1)) >= SMALLEST_TILE;

/** [B, T, D] as [B, T, H, E], to be sliced into samples. */
function perSample(e: EmitContext, x: Operand): Operand {
  const { b, t, h, width } = dimensions(e, x);
  const shape = [b, t, h, width];
  return { name: reshape(e, x.name, shape), shape, dtype: 'float32' };
}

function emitTiledForward(e: EmitContext): void {
  const { t, d, h, width } = dimensions(e, e.input(0));
  const causal = causalMask(e);
  const keys = keyMask(e);
  const stacked = [...[0, 1, 2].map((i) => perSample(e, e.input(i))), ...(keys === null ? [] : [keys])];
  e.tiled(
    stacked,
    (body, slices) => {
      const [q, k, v] = [at(slices, 0), at(slices, 1), at(slices, 2)];
      let scores = product(body, q, k, {
        transBatchA: 1,
        transBatchB: 1,
        transB: 1,
        alpha: { float: 1 / Math.sqrt(width) },
      });
      if (causal !== null) scores = body.node('Add', [scores, causal]);
      if (keys !== null) scores = body.node('Add', [scores, at(slices, 3)]);
      const soft = body.node('Softmax', [scores], { axis: -1 });
      const left = rounds(e) ? cast(body, soft, 'bfloat16') : soft;
      const probabilities = rounds(e) ? cast(body, left, 'float32') : soft;
      const merged = body.node('Transpose', [product(body, probabilities, v, { transBatchB: 1 })], { perm: [1, 0, 2] });
      return [
        { name: reshape(body, merged, [t, d]), shape: [t, d], dtype: 'float32' },
        { name: left, shape: [h, t, at(e.input(1).shape, 1)], dtype: e.output(1).dtype },
      ];
    },
    [0, 1],
  );
}

function emitTiledBackward(e: EmitContext): void {
  const { h, width, t } = dimensions(e, e.input(0));
  const s = at(e.input(2).shape, 1);
  const alpha = { float: 1 / Math.sqrt(width) };
  const stacked = [...[0, 1, 2, 3, 4].map((i) => perSample(e, e.input(i))), probabilitiesOf(e)];
  const stacks = e.tiled(stacked, (body, slices) => {
    const [dO, q, k, v, o, probabilities] = slices as [string, string, string, string, string, string];
    const split = (heads: string, rows: number): Operand => ({
      name: body.node('Transpose', [heads], { perm: [1, 0, 2] }),
      shape: [rows, h, width],
      dtype: 'float32',
    });
    const rowSums = body.node('ReduceSum', [body.node('Mul', [dO, o]), int64s(body, [-1])], { keepdims: 1 });
    const dP = product(body, dO, v, { transBatchA: 1, transBatchB: 1, transB: 1 });
    const centred = body.node('Sub', [dP, body.node('Transpose', [rowSums], { perm: [1, 0, 2] })]);
    const dS = operand(body, body.node('Mul', [centred, probabilities]), rounds(e));
    return [
      split(product(body, dS, k, { transBatchB: 1, alpha }), t),
      split(product(body, dS, q, { transA: 1, transBatchB: 1, alpha }), s),
      split(product(body, probabilities, dO, { transA: 1, transBatchB: 1 }), s),
    ];
  });
  stacks.forEach((stack, i) => finishReshape(e, stack, i));
}

/** Our kernel for a call, where it has one. */
function kernelSpec(e: EmitContext, q: Operand, k: Operand, hasMask: boolean): AttentionSpec | null {
  const { b: batch, t: queries, h: heads, width } = dimensions(e, q);
  const keys = at(k.shape, 1);
  const causal = flagAttr(e.attrs, 'causal');
  if (!e.hasKernels || batch * queries * keys * width === 0 || (causal && keys < queries)) return null;
  return { batch, queries, keys, heads, width, causal, hasMask };
}

/**
 * Appends our kernel, if there is one for these operands: in a bf16 run those that are multiplied must be there as
 * bfloat16; `which` says which inputs those are. Returns whether there is.
 */
function finishOwn(
  e: EmitContext,
  spec: AttentionSpec | null,
  kind: 'attention' | 'attention gradient',
  which: readonly number[],
): boolean {
  if (spec === null) return false;
  if (!rounds(e)) {
    e.finishKernel(
      { kind, ...spec },
      e.inputs.map(({ name }) => name),
    );
    return true;
  }
  if (which.some((i) => e.input(i).half === undefined)) return false;
  const names = e.inputs.map(({ name, half }, i) => (which.includes(i) ? present(half, 'a bfloat16') : name));
  const results = (kind === 'attention' ? [0] : [0, 1, 2]).map((i) => e.isOnlyRounded(i));
  e.finishKernel(
    { kind: `half ${kind}`, ...spec, rounds: results },
    names,
    results.flatMap((isHalf, i) => (isHalf ? [i] : [])),
  );
  return true;
}

const probabilityShape = (q: Shape, k: Shape, heads: number): Shape => [at(q, 0), heads, at(q, 1), at(k, 1)];

export const attentionOps: readonly OpDefinition[] = [
  defineOp({
    name: 'PtAttention',
    inputs: ['q', 'k', 'v', 'mask?'],
    rounds: { operands: [0, 1, 2], results: [0], inside: true },
    infer: (inputs, attrs) => {
      const [q, k] = [at(inputs, 0), at(inputs, 1)];
      const probabilities = probabilityShape(q.shape, k.shape, numberAttr(attrs, 'heads'));
      const y = { shape: q.shape, dtype: 'float32' } as const;
      if (flagAttr(attrs, LEAVES_LOG_SUM_EXP)) return [y, { shape: probabilities.slice(0, 3), dtype: 'float32' }];
      return [y, { shape: probabilities, dtype: flagAttr(attrs, 'rounds') ? 'bfloat16' : 'float32' }];
    },
    emit: (e) => {
      const kernel = kernelSpec(e, e.input(0), e.input(1), e.inputs.length === 4);
      if (finishOwn(e, kernel, 'attention', [0, 1, 2])) return;
      if (isTiled(e.output(1).shape)) return emitTiledForward(e);
      const { width } = dimensions(e, e.input(0));
      const alpha = { float: 1 / Math.sqrt(width) };
      let scores = product(e, splitHeads(e, e.input(0)), splitHeads(e, e.input(1)), { transB: 1, alpha });
      for (const mask of [causalMask(e), keyMask(e)?.name ?? null])
        if (mask !== null) scores = e.node('Add', [scores, mask]);
      const value = splitHeads(e, e.input(2));
      if (rounds(e)) {
        e.finish('Cast', [e.node('Softmax', [scores], { axis: -1 })], castAttributes('bfloat16'), '', [1]);
        return finishMerged(e, e.node('MatMul', [cast(e, e.output(1).name, 'float32'), value]), 0);
      }
      e.finish('Softmax', [scores], { axis: -1 }, '', [1]);
      finishMerged(e, e.node('MatMul', [e.output(1).name, value]), 0);
    },
  }),
  // With P the probabilities and O = P V: dV = P' dO; dS = P (dO V' - rowsum(dO O)); dQ = dS K; dK = dS' Q, both
  // scaled. rowsum(P dP) equals rowsum(dO O), which is E wide instead of S.
  defineOp({
    name: 'PtAttentionGrad',
    // The mask, where the logarithms of sums are there instead of the probabilities.
    inputs: ['dy', 'q', 'k', 'v', 'y', 'probabilities', 'mask?'],
    rounds: { operands: [0, 1, 2, 3], results: [0, 1, 2], inside: true },
    infer: (inputs) => [at(inputs, 1), at(inputs, 2), at(inputs, 3)],
    emit: (e) => {
      const kernel = kernelSpec(e, e.input(1), e.input(2), false);
      if (finishOwn(e, kernel, 'attention gradient', [0, 1, 2, 3, 4])) return;
      if (isTiled(e.input(5).shape)) return emitTiledBackward(e);
      const { b, t, h, width } = dimensions(e, e.input(0));
      const alpha = { float: 1 / Math.sqrt(width) };
      const probabilities = probabilitiesOf(e).name;
      const dO = splitHeads(e, e.input(0));
      finishMerged(e, product(e, probabilities, dO, { transA: 1 }), 2);
      const perHead = reshape(e, e.node('Mul', [e.input(0).name, e.input(4).name]), [b, t, h, width]);
      const rowSums = e.node(
        'Transpose',
        [e.node('ReduceSum', [perHead, int64s(e, [-1])], { keepdims: 1 })],
        SWAP_HEADS,
      );
      const dP = product(e, dO, splitHeads(e, e.input(3)), { transB: 1 });
      const dS = operand(e, e.node('Mul', [e.node('Sub', [dP, rowSums]), probabilities]), rounds(e));
      finishMerged(e, product(e, dS, splitHeads(e, e.input(2)), { alpha }), 0);
      finishMerged(e, product(e, dS, splitHeads(e, e.input(1)), { transA: 1, alpha }), 1);
    },
  }),
];

const attentionGradient: GradConfig = {
  kernelName: 'PtAttention',
  inputsToSave: ['q', 'k', 'v'],
  outputsToSave: [true, true],
  gradFunc: (dys, saved, attrs) => {
    const [q, k, v, y, probabilities] = [0, 1, 2, 3, 4].map((i) => at(saved, i)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [dq, dk, dv] = runOp('PtAttentionGrad', { dy: firstOf(dys), q, k, v, y, probabilities }, attrs) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return { q: () => dq, k: () => dk, v: () => dv, mask: () => zeros(k.shape.slice(0, 2)) };
  },
};

export interface AttentionOptions {
  /** Number of heads; must divide the feature size. */
  readonly heads: number;
  /** Each position sees itself and what lies before it. */
  readonly causal?: boolean;
  /** [B, S]: 1 where a key counts, 0 where it is ignored. Not differentiated. */
  readonly mask?: Tensor;
}

/**
 * Attention of `q` [B, T, D] over `k` and `v` [B, S, D]: softmax(q k' / sqrt(D / heads)) v per head, heads side by side
 * again: [B, T, D].
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, { heads, causal = false, mask }: AttentionOptions): Tensor {
  const [, , d] = q.shape;
  if (d === undefined || d % heads !== 0)
    throw new ModelError(
      'PT_ATTENTION_HEADS',
      `${heads} heads do not divide ${d ?? 0} features`,
      'Choose a width that is a multiple of the number of heads.',
    );
  defineGradient(attentionGradient);
  return at(
    runOp('PtAttention', mask === undefined ? { q, k, v } : { q, k, v, mask: castTensor(mask, 'float32') }, {
      heads,
      causal,
    }),
    0,
  );
}

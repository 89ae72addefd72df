// Attention and its gradient. B samples, T queries, S keys, H heads, E = D / H features per head.
import { LEAVES_LOG_SUM_EXP } from '../../fused/log-sum-exp.js';
import { flagAttr, numberAttr } from '../../ops/attributes.js';
import { at } from '../../ops/shapes.js';
import type { Shape } from '../../shape.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type KernelMaker, type KernelTable } from '../kernel.js';
import type { Handle } from '../tensors.js';
import { fusedAttention, fusedAttentionGradient } from './fused-attention.js';

/** Added to scores that must not count; far below any score, and finite. */
const BLOCKED = -1e9;

/** [B, T, D] as [B, H, T, E]. */
const split = (aten: Aten, x: Handle, [b, t, d]: Shape, heads: number): Handle =>
  aten.op('permute')(aten.reshape(x, [b as number, t as number, heads, (d as number) / heads]), [0, 2, 1, 3]);

/** [B, H, T, E] as [B, T, D]. */
const merged = (aten: Aten, x: Handle, shape: Shape): Handle =>
  aten.reshape(aten.op('permute')(x, [0, 2, 1, 3]), shape);

/** Rounded to bfloat16 and back, where the call asks for it. */
const rounder = (aten: Aten, call: Call): ((x: Handle) => Handle) =>
  flagAttr(call.attrs, 'rounds') ? (x) => aten.cast(aten.cast(x, 'bfloat16'), 'float32') : (x) => x;

/** [T, S]: what is added so that no query sees a key behind it; the last query sees all. */
function causalMask(aten: Aten, t: number, s: number): Handle {
  const full = aten.op('expand')(aten.number(BLOCKED), [t, s], false);
  return aten.op('triu')(full, 1 + s - t);
}

/** softmax(q k' / sqrt(E) + masks) v, and the probabilities. */
const attention: KernelMaker = (aten, call) => {
  const heads = numberAttr(call.attrs, 'heads');
  const [q, k] = [call.input(0).shape, call.input(1).shape];
  const [b, t, s] = [at(q, 0), at(q, 1), at(k, 1)];
  const scale = 1 / Math.sqrt(at(q, 2) / heads);
  const mask = flagAttr(call.attrs, 'causal') ? call.constant(() => causalMask(aten, t, s)) : null;
  const matmul = aten.op('matmul');
  const { dtype } = call.output(1);
  return (x) => {
    const [query, key, value] = [q, k, k].map((shape, i) => split(aten, handleAt(x, i), shape, heads)) as [
      Handle,
      Handle,
      Handle,
    ];
    let scores = aten.op('mul.Tensor')(matmul(query, aten.swapped(key)), aten.number(scale));
    if (mask !== null) scores = aten.add(scores, mask);
    if (x.length === 4) {
      const isIgnored = aten.add(aten.number(1), handleAt(x, 3), -1);
      const blocked = aten.op('mul.Tensor')(isIgnored, aten.number(BLOCKED));
      scores = aten.add(scores, aten.reshape(blocked, [b, 1, 1, s]));
    }
    const soft = aten.op('_softmax')(scores, -1, false);
    // In a bf16 run what is multiplied, and left for the backward, is rounded.
    const left = dtype === 'bfloat16' ? aten.cast(soft, 'bfloat16') : soft;
    const probabilities = dtype === 'bfloat16' ? aten.cast(left, 'float32') : soft;
    return [merged(aten, matmul(probabilities, value), call.output(0).shape), left];
  };
};

/** With P the probabilities: dV = P' dO; dS = P (dO V' - rowsum(dO O)); dQ = dS K and dK = dS' Q, both scaled. */
const attentionGradient: KernelMaker = (aten, call) => {
  const heads = numberAttr(call.attrs, 'heads');
  const [q, k] = [call.input(1).shape, call.input(2).shape];
  const scale = aten.number(1 / Math.sqrt(at(q, 2) / heads));
  const rounded = rounder(aten, call);
  const [matmul, mul] = [aten.op('matmul'), aten.op('mul.Tensor')];
  const isHalf = call.input(5).dtype === 'bfloat16';
  return (x) => {
    const [dO, query, key, value] = [q, q, k, k].map((shape, i) => split(aten, handleAt(x, i), shape, heads)) as [
      Handle,
      Handle,
      Handle,
      Handle,
    ];
    const output = split(aten, handleAt(x, 4), q, heads);
    const p = isHalf ? aten.cast(handleAt(x, 5), 'float32') : handleAt(x, 5);
    const sums = aten.op('sum.dim_IntList')(mul(dO, output), [-1], true, null);
    const dS = rounded(mul(aten.add(matmul(dO, aten.swapped(value)), sums, -1), p));
    return [
      merged(aten, mul(matmul(dS, key), scale), q),
      merged(aten, mul(matmul(aten.swapped(dS), query), scale), k),
      merged(aten, matmul(aten.swapped(p), dO), k),
    ];
  };
};

export const attentionKernels: KernelTable = {
  PtAttention: (aten, call) => (leavesLogarithms(call) ? fusedAttention : attention)(aten, call),
  PtAttentionGrad: (aten, call) => (leavesLogarithms(call) ? fusedAttentionGradient : attentionGradient)(aten, call),
};

const leavesLogarithms = ({ attrs }: Call): boolean => flagAttr(attrs, LEAVES_LOG_SUM_EXP);

// Attention in one kernel of PyTorch, which has no probabilities in memory: it leaves the logarithm of the sum of each
// row's soft-max [B, H, T]. B samples, T queries, S keys, H heads, E = D / H features per head. What is written here
// for CUDA has not run on a GPU yet.
import { flagAttr, numberAttr } from '../../ops/attributes.js';
import { at } from '../../ops/shapes.js';
import type { Shape } from '../../shape.js';
import type { Aten } from '../aten.js';
import { type Call, handleAt, type Kernel } from '../kernel.js';
import type { Handle } from '../tensors.js';

/** Added to scores that must not count; far below any score, and finite. */
const BLOCKED = -1e9;
/** The kernel of CUDA for float32 leaves rows whose length is a multiple of this. */
const ALIGNED_ROWS = 32;

type View = (x: Handle) => Handle;

/** What sees [B, T, D] as [B, H, T, E]. */
function splitter(aten: Aten, [b, t, d]: Shape, heads: number): View {
  const [samples, rows, width] = [b as number, t as number, (d as number) / heads];
  const view = aten.viewer([samples, heads, rows, width], [rows * heads * width, width, heads * width, 1]);
  return aten.byLayout(view, (x) => view(aten.op('contiguous')(x, 0)));
}

/** What sees [B, H, T, E] as [B, T, D]; without a copy where it lies so. */
function merger(aten: Aten, shape: Shape): View {
  const reshape = aten.reshaper(shape);
  return (x) => reshape(aten.op('permute')(x, [0, 2, 1, 3]));
}

/** What is added to the scores for a mask of keys [B, S], as [B, 1, 1, S]. */
function addend(aten: Aten, mask: Handle, [b, , , s]: Shape): Handle {
  const isIgnored = aten.add(aten.number(1), mask, -1);
  return aten.reshape(aten.op('mul.Tensor')(isIgnored, aten.number(BLOCKED)), [b as number, 1, 1, s as number]);
}

/** The operands of the forward, as a call of the device's kernel takes them, to its output and its logarithms. */
type Forward = (q: Handle, k: Handle, v: Handle, mask: Handle | null) => readonly Handle[];
type Backward = (operands: readonly Handle[], mask: Handle | null) => readonly Handle[];

const onProcessor = (aten: Aten, isCausal: boolean): { forward: Forward; backward: Backward } => ({
  forward: (q, k, v, mask) => aten.ops('_scaled_dot_product_flash_attention_for_cpu')(q, k, v, 0, isCausal, mask, null),
  backward: (operands, mask) =>
    aten.ops('_scaled_dot_product_flash_attention_for_cpu_backward')(...operands, 0, isCausal, mask, null),
});

/** Float32 on a GPU. */
const efficient = (aten: Aten, isCausal: boolean, rows: number): { forward: Forward; backward: Backward } => ({
  forward: (q, k, v) => {
    const attention = aten.ops('_scaled_dot_product_efficient_attention');
    const [output, logarithms] = attention(q, k, v, null, true, 0, isCausal, null) as [Handle, Handle];
    return [output, aten.op('slice.Tensor')(logarithms, 2, 0, rows, 1)];
  },
  backward: ([dO, q, k, v, output, logarithms]) => {
    const padding = (ALIGNED_ROWS - (rows % ALIGNED_ROWS)) % ALIGNED_ROWS;
    const rest = aten.op('pad')(logarithms as Handle, [0, padding], 'constant', Infinity);
    const none = aten.tensors.undefined();
    const attention = aten.ops('_scaled_dot_product_efficient_attention_backward');
    const given = [dO, q, k, v, none, output, rest, none, none] as Handle[];
    return attention(...given, 0, [true, true, true, false], isCausal, null);
  },
});

/** Bfloat16 on a GPU: operands and results are rounded, as everywhere in a bf16 run. */
const flash = (aten: Aten, isCausal: boolean, rows: number, keys: number): { forward: Forward; backward: Backward } => {
  const half = (x: Handle): Handle => aten.cast(x, 'bfloat16');
  const wide = (x: Handle): Handle => aten.cast(x, 'float32');
  return {
    forward: (q, k, v) => {
      const attention = aten.ops('_scaled_dot_product_flash_attention');
      const [output, logarithms] = attention(half(q), half(k), half(v), 0, isCausal, false, null) as [Handle, Handle];
      return [wide(output), logarithms];
    },
    backward: ([dO, q, k, v, output, logarithms]) => {
      const none = aten.tensors.undefined();
      const halves = [dO, q, k, v, output].map((x) => half(x as Handle));
      const attention = aten.ops('_scaled_dot_product_flash_attention_backward');
      const given = [...halves, logarithms as Handle, none, none, rows, keys];
      return attention(...given, 0, isCausal, none, none, null).map(wide);
    },
  };
};

function kernelsOf(aten: Aten, call: Call, rows: number, keys: number): { forward: Forward; backward: Backward } {
  const isCausal = flagAttr(call.attrs, 'causal');
  if (aten.tensors.library.device.type === 'cpu') return onProcessor(aten, isCausal);
  return flagAttr(call.attrs, 'rounds') ? flash(aten, isCausal, rows, keys) : efficient(aten, isCausal, rows);
}

/** softmax(q k' / sqrt(E) + mask) v, and the logarithms. */
export function fusedAttention(aten: Aten, call: Call): Kernel {
  const heads = numberAttr(call.attrs, 'heads');
  const [q, k] = [call.input(0).shape, call.input(1).shape];
  const views = [q, k, k].map((shape) => splitter(aten, shape, heads)) as [View, View, View];
  const merge = merger(aten, q);
  const scores = [at(q, 0), heads, at(q, 1), at(k, 1)];
  const { forward } = kernelsOf(aten, call, at(q, 1), at(k, 1));
  return (x) => {
    const [query, key, value] = views.map((view, i) => view(handleAt(x, i))) as [Handle, Handle, Handle];
    const mask = x.length === 4 ? addend(aten, handleAt(x, 3), scores) : null;
    const [output, logarithms] = forward(query, key, value, mask) as [Handle, Handle];
    return [merge(output), logarithms];
  };
}

/** The gradients of q, k and v. */
export function fusedAttentionGradient(aten: Aten, call: Call): Kernel {
  const heads = numberAttr(call.attrs, 'heads');
  const [q, k] = [call.input(1).shape, call.input(2).shape];
  const views = [q, q, k, k, q].map((shape) => splitter(aten, shape, heads));
  const merges = [q, k, k].map((shape) => merger(aten, shape));
  const scores = [at(q, 0), heads, at(q, 1), at(k, 1)];
  const { backward } = kernelsOf(aten, call, at(q, 1), at(k, 1));
  return (x) => {
    const hasMask = x.length === 7;
    const dy = hasMask ? fairDy(aten, handleAt(x, 0), handleAt(x, 6), scores) : handleAt(x, 0);
    const operands = [dy, ...x.slice(1, 5)].map((handle, i) => (views[i] as View)(handle));
    const mask = hasMask ? addend(aten, handleAt(x, 6), scores) : null;
    const gradients = backward([...operands, handleAt(x, 5)], mask);
    return merges.map((merge, i) => merge(handleAt(gradients, i)));
  };
}

/**
 * dy, divided by S in samples all of whose keys are ignored. There the scores are BLOCKED and no more, since they are
 * lost beside it; each probability is 1 / S, but the logarithm of S is lost beside it, too, and they would come out
 * as 1.
 */
function fairDy(aten: Aten, dy: Handle, mask: Handle, [b, , , s]: Shape): Handle {
  const isAnyThere = aten.op('gt.Tensor')(aten.op('amax')(mask, [1], false), aten.number(0));
  const share = aten.op('where.self')(isAnyThere, aten.number(1), aten.number(1 / (s as number)));
  return aten.op('mul.Tensor')(dy, aten.reshape(share, [b as number, 1, 1]));
}

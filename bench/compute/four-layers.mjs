// A plug-in model of transformer layers alone, as a user could write it: attention and MLP blocks, and the mean of
// squares for a loss.

/** @typedef {import('#dist/engine/index.js')} Public */
/** @typedef {import('#dist/engine/index.js').Block} Block */
/** @typedef {import('#dist/engine/index.js').Model} Model */
/** @typedef {import('#dist/engine/index.js').ParamSpec} ParamSpec */

/**
 * @param {Pick<Public, 'defineBlock' | 'nn' | 'tf'>} pipetrain The public face of a build.
 * @param {{ readonly D: number, readonly H: number, readonly F: number, readonly L: number }} sizes
 * @returns {Model}
 */
export function fourLayers({ defineBlock, nn, tf }, { D, H, F, L }) {
  /** @type {(shape: readonly number[]) => ParamSpec} */
  const normal = (shape) => ({ shape, init: { kind: 'normal', std: 0.02 }, decay: true });
  /** @type {(n: number, kind: 'ones' | 'zeros') => ParamSpec} */
  const constant = (n, kind) => ({ shape: [n], init: { kind }, decay: false });
  const norms = { normGain: constant(D, 'ones'), normBias: constant(D, 'zeros') };
  const biases = {
    bq: constant(D, 'zeros'),
    bk: constant(D, 'zeros'),
    bv: constant(D, 'zeros'),
    bo: constant(D, 'zeros'),
  };
  const matrices = { wq: normal([D, D]), wk: normal([D, D]), wv: normal([D, D]), wo: normal([D, D]) };

  const attention = (/** @type {number} */ layer) =>
    defineBlock({
      name: `layer${layer}.attention`,
      kind: 'attention',
      layer,
      params: { ...norms, ...matrices, ...biases },
      forward(x, p) {
        const n = nn.layerNorm(x, p.normGain, p.normBias);
        const [q, k, v] = [nn.linear(n, p.wq, p.bq), nn.linear(n, p.wk, p.bk), nn.linear(n, p.wv, p.bv)];
        return tf.add(x, nn.linear(nn.attention(q, k, v, { heads: H }), p.wo, p.bo));
      },
    });
  const mlp = (/** @type {number} */ layer) =>
    defineBlock({
      name: `layer${layer}.mlp`,
      kind: 'mlp',
      layer,
      params: { ...norms, w1: normal([D, F]), w2: normal([F, D]), b1: constant(F, 'zeros'), b2: constant(D, 'zeros') },
      forward(x, p) {
        const n = nn.layerNorm(x, p.normGain, p.normBias);
        return tf.add(x, nn.linear(nn.gelu(nn.linear(n, p.w1, p.b1)), p.w2, p.b2));
      },
    });
  /** The first block reads the data. @type {(block: Block) => Block} */
  const reading = (block) => ({ ...block, forward: (_, p, context) => block.forward(context.field('x'), p, context) });
  const blocks = Array.from({ length: L }, (_, layer) => [attention(layer), mlp(layer)]).flat();
  return {
    name: 'four-layer',
    blocks: blocks.map((block, b) => (b === 0 ? reading(block) : block)),
    loss: (y) => tf.mean(tf.square(y), [1, 2]),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  };
}

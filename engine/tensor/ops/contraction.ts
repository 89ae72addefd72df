// Products summed over named axes, and the matrix product with what layers put behind it.
import { invariant, present } from '../../core/invariant.js';
import type { Attrs } from '../graph.js';
import { backend_util } from '../tf.js';
import { numberAttr } from './attributes.js';
import { defineOp, type EmitContext, type OpDefinition, type TensorSpec } from './definition.js';
import { scalar } from './emit.js';
import { evenSum } from './even-rows.js';
import { matmulOps } from './matmul.js';
import { at } from './shapes.js';

const equationOf = (attrs: Attrs): string => String(attrs['equation']);

/** Output of an equation. TensorFlow.js checks it and says in its own words what is wrong with it. */
function contracted(inputs: readonly TensorSpec[], attrs: Attrs): TensorSpec {
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equationOf(attrs), inputs.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, inputs as never);
  const sizes = allDims.map(
    (_, dim) => inputs.flatMap(({ shape }, i) => shape.filter((_size, axis) => idDims[i]?.[axis] === dim))[0],
  );
  const kept = sizes.slice(0, allDims.length - summedDims.length);
  return { shape: kept.map((size) => present(size, 'the size of an axis')), dtype: at(inputs, 0).dtype };
}

/**
 * The operands and the equation without axes that one operand alone has and the result has not: what the runtime's own
 * sums over those are depends on where a row begins.
 */
function withoutLonelyAxes(e: EmitContext): { readonly names: readonly string[]; readonly equation: string } {
  const [from = '', to = ''] = equationOf(e.attrs).replaceAll(' ', '').split('->');
  const terms = from.split(',');
  const isLonely = (label: string, term: number): boolean =>
    !to.includes(label) && terms.every((other, i) => i === term || !other.includes(label));
  const names = e.inputs.map(({ name, shape, dtype }, term) => {
    const lonely = [...at(terms, term)].flatMap((label, axis) => (isLonely(label, term) ? [axis] : []));
    // An operand that is summed whole has a single row.
    if (dtype !== 'float32' || lonely.length === 0 || lonely.length === shape.length) return name;
    terms[term] = [...at(terms, term)].filter((_, axis) => !lonely.includes(axis)).join('');
    return evenSum(e, name, shape, lonely, false);
  });
  return { names, equation: `${terms.join(',')}->${to}` };
}

const batchMatMul = at(matmulOps, 0);

/** The activations by the names that the layers of TensorFlow.js use; null where there is nothing to do. */
function activate(e: EmitContext, x: string, weights: string | undefined): void {
  const activation = e.attrs['activation'];
  const number = (value: number): string => scalar(e, 'float32', value);
  if (activation === 'relu') e.finish('Relu', [x]);
  else if (activation === 'relu6') e.finish('Clip', [x, number(0), number(6)]);
  else if (activation === 'elu') e.finish('Elu', [x]);
  else if (activation === 'sigmoid') e.finish('Sigmoid', [x]);
  else if (activation === 'leakyrelu')
    e.finish('LeakyRelu', [x], { alpha: { float: numberAttr(e.attrs, 'leakyreluAlpha') } });
  else if (activation === 'prelu' && weights !== undefined) e.finish('PRelu', [x, weights]);
  else {
    invariant(
      activation === 'linear',
      () => `activation ${String(activation)} behind a matrix product is not supported`,
    );
    e.finish('Identity', [x]);
  }
}

export const contractionOps: readonly OpDefinition[] = [
  defineOp({
    name: 'Einsum',
    inputs: 'list',
    rounds: { operands: 'all', results: [0] },
    infer: (inputs, attrs) => [contracted(inputs, attrs)],
    emit: (e) => {
      const { names, equation } = withoutLonelyAxes(e);
      e.finish('Einsum', names, { equation });
    },
  }),
  defineOp({
    name: '_FusedMatMul',
    inputs: ['a', 'b', 'bias?', 'preluActivationWeights?'],
    rounds: { operands: [0, 1], results: [0] },
    infer: (inputs, attrs) => batchMatMul.infer(inputs.slice(0, 2), attrs),
    emit: (e) => {
      const rest = e.inputs.slice(2).map((x) => x.name);
      const weights = e.attrs['activation'] === 'prelu' ? rest.pop() : undefined;
      let product = '';
      batchMatMul.emit({
        ...e,
        hasKernels: false,
        finish: (...node) => void (product = e.node(...(node.slice(0, 4) as Parameters<EmitContext['node']>))),
      });
      for (const bias of rest) product = e.node('Add', [product, bias]);
      activate(e, product, weights);
    },
  }),
];

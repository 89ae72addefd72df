// The list of ops in docs/model.md is that of the table, and every op that a model may use has a gradient.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as nn from '../../engine/tensor/nn.js';
import { opTable } from '../../engine/tensor/ops/table.js';
import * as tf from '../../engine/tensor/tf.js';

const PAGE = 'docs/model.md';
const [BEGIN, END] = ['<!-- ops: written by test/model/ops-docs.test.ts -->', '<!-- end of ops -->'];

/** Those of `nn` and of gradients, which no model calls by these names. */
const isInner = (name: string): boolean =>
  name.startsWith('Pt') || name.startsWith('_') || name.endsWith('Grad') || name === 'AddV2';
/** Those that make tensors out of numbers, so that there is nothing to have a gradient. */
const MAKERS = new Set(['Fill', 'Range', 'LinSpace', 'ZerosLike', 'OnesLike']);

const offered = [...opTable.keys()].filter((name) => !isInner(name));

it('every op that is offered has a gradient, or makes tensors', () => {
  const without = offered.filter((name) => !MAKERS.has(name) && tf.getGradient(name) == null);
  expect(without).toEqual([]);
});

it('docs/model.md lists them', () => {
  const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
  const kernels = offered.filter((name) => !MAKERS.has(name)).sort();
  const text = [
    BEGIN,
    `- With a gradient: ${list(kernels)}.`,
    `- Without one, since they take no numbers from a parameter: ${list([...MAKERS].sort())}.`,
    `- As one op with a gradient of its own, from \`nn\`: ${list(Object.keys(nn).sort())}.`,
    END,
  ].join('\n');
  const page = readFileSync(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const behind = rest.split(END)[1] ?? '';
  // PIPETRAIN_WRITE_DOCS=1 writes the list where it has changed.
  if (process.env['PIPETRAIN_WRITE_DOCS'] === '1') writeFileSync(PAGE, before + text + behind);
  else expect(page).toBe(before + text + behind);
});

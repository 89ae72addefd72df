// The cases of every op of the table, under readable names. Data of tests.
import { elementwiseOpCases } from './elementwise-op-cases.js';
import { layoutOpCases } from './layout-op-cases.js';
import type { OpCase } from './op-case.js';
import { reductionOpCases } from './reduction-op-cases.js';

export const opCases: readonly OpCase[] = [...elementwiseOpCases, ...reductionOpCases, ...layoutOpCases];

/** A readable name per case. */
export const namedOpCases = opCases.map(
  (c, i) => [`${c.op} ${c.inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')} #${i}`, c] as const,
);

// docs/accuracy.md from what was measured.

/** @typedef {import('./cases.mjs').Case} Case */

/** @typedef {{ units: number, at: number[], got: number }} Worst */

/**
 * @typedef {object} Row
 * @property {Case} test
 * @property {string} executor
 * @property {Worst} value
 * @property {Worst} special
 * @property {Worst | null} slope
 * @property {boolean} isSame
 */

const shown = (/** @type {number} */ units) =>
  units === Infinity ? 'another kind' : units >= 1000 ? units.toExponential(0) : units.toFixed(1);

/**
 * @param {{ rows: readonly Row[], executors: readonly string[], processor: string, numbers: number }} measured
 * @returns {string}
 */
export function accuracyReport({ rows, executors, processor, numbers }) {
  const tests = [...new Set(rows.map(({ test }) => test))];
  /** @type {(test: Case, pick: (row: Row) => string) => string} */
  const cells = (test, pick) =>
    executors
      .map((name) => {
        const row = rows.find((r) => r.test === test && r.executor === name);
        return row === undefined ? '' : pick(row);
      })
      .join(' | ');
  const header = `| Op | ${executors.join(' | ')} |\n| --- | ${executors.map(() => '---:').join(' | ')} |`;
  const values = tests.map((test) => `| \`${test.name}\` | ${cells(test, ({ value }) => shown(value.units))} |`);
  const slopes = tests
    .filter(({ slope }) => slope !== undefined)
    .map((test) => `| \`${test.name}\` | ${cells(test, ({ slope }) => shown(slope?.units ?? 0))} |`);
  const wrong = rows.filter(({ test, special }) => special.units > (test.bound ?? 4));
  const specials = wrong.map(
    ({ test, executor, special }) =>
      `- \`${test.name}\` on ${executor}: at ${special.at.join(', ')} it is ${special.got}`,
  );
  const reasons = tests.filter(({ reason }) => reason !== undefined);
  const placed = rows.filter(({ isSame }) => !isSame).map(({ test, executor }) => `\`${test.name}\` on ${executor}`);
  return `# Accuracy

Written by \`npm run accuracy\`; do not edit.

Every elementwise op of 32-bit floats against a reference in 64 bits: the largest error, in units in the last place
(the distance between neighbouring floats), over ${numbers.toLocaleString('en')} numbers: every exponent with both
signs, and densely between -120 and 120; ops of two numbers over pairs of them. 0.5 is the best there is. Measured on
${processor.trim()}.

Eager ops and traced programs are the same programs on the same executor, so one column stands for both. Numbers below
2^-126 count as zero, as operand and as result: ONNX Runtime computes with them switched off, since they are ten times
as slow. The fused ops of \`nn\` other than \`gelu\` are sums; their tests have their bounds.

## Values

${header}
${values.join('\n')}

At zeros, infinities, NaN, ones and ties the results are those of IEEE 754 and PyTorch on every executor (the sign
of a result that is 0 is not compared)${specials.length === 0 ? '.' : `, except for:\n\n${specials.join('\n')}`}

\`floorDiv\` and \`mod\` round down, as in Python; they are exact as long as the quotient is one of 32-bit integers.
An integer divided by zero is 0.

## Gradients

${header}
${slopes.join('\n')}

The gradients of the other ops are products, quotients and choices of these. At special points they are those of
PyTorch: [test/tensor/ops-gradients.test.ts](../test/tensor/ops-gradients.test.ts).

## What is further off than 4, and why

${reasons.map(({ name, reason }) => `- \`${name}\`: ${reason}.`).join('\n')}

## The same bits everywhere

An element of a result has the same bits wherever in a tensor it stands${
    placed.length === 0
      ? '.'
      : `, except with ${placed.join(', ')}: the last, partial vector
of a tensor is computed by other code, which differs in the last place. A run with other micro-batches or another
number of threads may so differ in bits; with the same ones it does not.`
  }
`;
}

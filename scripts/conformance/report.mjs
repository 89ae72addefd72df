// docs/conformance.md: the results of a whole run as tables.

import { counted } from '../lab/statistics.mjs';

/** @typedef {import('./verdict.mjs').Verdict} Verdict */
/** @typedef {Verdict & { file: string, name: string }} Result */

const numberOf = (/** @type {readonly Result[]} */ results, /** @type {Verdict['status']} */ status) =>
  results.filter((result) => result.status === status).length;

/** @type {(heads: readonly string[], rows: readonly (readonly (string | number)[])[]) => string} */
const table = (heads, rows) =>
  [heads, heads.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** What excluded the tests that call an op, in few words. */
const briefly = (/** @type {string} */ reason) =>
  reason
    .replace(/, which pipetrain does not define$/, '')
    .replace(/^uses /, '')
    .replace(/^makes a tensor of (.*);.*$/, '$1 tensors')
    .replace(/^(.*_test\.js),.*$/, 'see above: $1');

/** @param {string} op @param {readonly Result[]} results */
function opRow(op, results) {
  const calling = results.filter((result) => result.ops.includes(op));
  const excluded = calling.filter(({ status }) => status === 'excluded');
  const why = counted(excluded.map(({ reason = '' }) => briefly(reason))).map(([text, n]) => `${text} (${n})`);
  return [
    `\`${op}\``,
    calling.length,
    numberOf(calling, 'passed'),
    numberOf(calling, 'failed'),
    excluded.length,
    why.join('; '),
  ];
}

/**
 * The document for the results of all tests in all files.
 * @param {object} run
 * @param {readonly Result[]} run.results
 * @param {ReadonlyMap<string, unknown>} run.opTable
 * @param {string} run.version
 * @param {number} run.fileCount
 */
export function report({ results, opTable, version, fileCount }) {
  const reasons = counted(results.flatMap(({ reason }) => (reason === undefined ? [] : [reason])));
  const ops = [...opTable.keys()].filter((op) => !op.startsWith('Pt')).sort();
  return `# Conformance

Written by \`npm run conformance\`; do not edit.

TensorFlow.js ${version} ships the tests that its authors wrote for its backends. This is what they say about the eager
backend \`pipetrain-ort\`, which runs every op of the op table by its one definition, the same that traced programs are
made of: ${fileCount} files, ${results.length} tests. The command fails when a test fails that has no reason below, and
when a reason is no longer needed.

${table(
  ['', 'Tests'],
  [
    ['Passed', numberOf(results, 'passed')],
    ['Failed', numberOf(results, 'failed')],
    ['Excluded', numberOf(results, 'excluded')],
  ],
)}

## Why tests are excluded

A test is excluded for what it asks of the backend while it runs, even if it would pass (an error that it expects could
be ours about a missing op), and, for single tests, by the rules in \`scripts/conformance/exclusions.mjs\`.

${table(['Reason', 'Tests'], reasons)}

## Ops

The tests that call an op, directly or by way of another function. A test of several ops counts for each. What excludes
a test of an op is named beside it, mostly another op that the test uses as well. \`AddV2\` and \`BroadcastTo\` are
never called by this version of TensorFlow.js; the project's own fused ops have tests of their own.

${table(
  ['Op', 'Tests', 'Passed', 'Failed', 'Excluded', 'Excluded because of'],
  ops.map((op) => opRow(op, results)),
)}
`;
}

// Runs the test files that its arguments name, bundled, in this process; says what failed, and how many did not.
import { resolve } from 'node:path';
import { startTests } from '@vitest/runner';

const files = process.argv.slice(2);
/** @type {import('@vitest/runner').VitestRunnerConfig} */
const config = {
  root: process.cwd(),
  setupFiles: [],
  name: undefined,
  passWithNoTests: false,
  testNamePattern: undefined,
  allowOnly: false,
  sequence: { seed: 0, hooks: 'stack', setupFiles: 'list' },
  chaiConfig: undefined,
  maxConcurrency: 1,
  testTimeout: 600_000,
  hookTimeout: 600_000,
  retry: 0,
  includeTaskLocation: false,
  tags: [],
  tagsFilter: undefined,
  strictTags: false,
};
const counts = { passed: 0, failed: 0, skipped: 0 };

/**
 * @param {import('@vitest/runner').Task} task
 * @param {string} within
 */
function count(task, within) {
  const name = within === '' ? task.name : `${within} > ${task.name}`;
  const { state, errors = [] } = task.result ?? {};
  // A suite fails with what is in it, and with errors of its own where it cannot be loaded or prepared.
  if (state === 'fail' && (task.type === 'test' || errors.length > 0)) {
    counts.failed++;
    console.log(`\n${name}`);
    for (const error of errors) console.log(`  ${error.stack ?? error.message}`);
  }
  if (task.type === 'suite') for (const inner of task.tasks) count(inner, name);
  else if (state === 'pass') counts.passed++;
  else if (state !== 'fail') counts.skipped++;
}

/** @type {import('@vitest/runner').VitestRunner} */
const runner = {
  config,
  importFile: (/** @type {string} */ path) => import(path),
  // As it goes: by emulation one test may take a minute.
  onAfterRunTask: ({ name, result }) => {
    console.log(`${result?.state === 'pass' ? 'ok    ' : 'FAILED'} ${name} (${Math.round(result?.duration ?? 0)} ms)`);
  },
};
for (const name of files) {
  const from = Date.now();
  for (const file of await startTests([{ filepath: resolve(name) }], runner)) count(file, '');
  console.log(`${name}: ${((Date.now() - from) / 1000).toFixed(1)} s`);
}
console.log(`passed: ${counts.passed}, failed: ${counts.failed}, skipped: ${counts.skipped}`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

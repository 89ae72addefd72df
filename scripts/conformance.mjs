// Runs the tests that ship inside TensorFlow.js on the eager backend and writes docs/conformance.md. Ends with 1 where
// a test fails that no rule of conformance/exclusions.mjs explains. `--only a,b` runs the files whose path contains a
// or b and writes nothing.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundledSuites, testFiles } from './conformance/bundle.mjs';
import { testRules } from './conformance/exclusions.mjs';
import { SpecRunner } from './conformance/jasmine.mjs';
import { Observer } from './conformance/observer.mjs';
import { report } from './conformance/report.mjs';
import { verdict } from './conformance/verdict.mjs';
import { ROOT } from './lab/pipetrain.mjs';

/** @typedef {import('./conformance/report.mjs').Result} Result */

const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
const only = options.only?.split(',') ?? null;
const files = testFiles(ROOT).filter((file) => only === null || only.some((part) => file.includes(part)));

const runner = new SpecRunner();
runner.install();
const { module, remove } = await bundledSuites(ROOT, files);
const { tf, environments, registerEager, openExecutor, opTable, suites } = module;
const executor = openExecutor({ threads: 1 });
const unregister = registerEager(executor);
const backendName = tf.engine().backendName;
const observer = new Observer(tf, opTable);
environments.setTestEnvs([{ name: backendName, backendName, flags: {}, isDataSync: true }]);

/** @type {Result[]} */
const results = [];
// What the tests say on the console is not this command's output.
const { log, warn } = console;
console.log = console.warn = () => undefined;
for (const file of files) {
  await suites[file]?.();
  await runner.run((names) => {
    observer.start();
    return (failures) =>
      results.push({ file, name: names.join(' > '), ...verdict(file, names, failures, observer.events(), testRules) });
  });
}
Object.assign(console, { log, warn });
unregister();
executor.close();
remove();

const of = (/** @type {Result['status']} */ status) => results.filter((result) => result.status === status);
for (const { file, name, failures = [] } of of('failed'))
  console.log(`FAILED ${file}: ${name}\n    ${failures.join('\n    ')}`);
const stale = testRules.filter((rule) => files.includes(rule.file) && !results.some((result) => result.rule === rule));
for (const rule of stale)
  console.log(`STALE the exclusion of ${rule.file}, "${rule.name}", matches no test that fails; remove it`);
console.log(`${of('passed').length} passed, ${of('failed').length} failed, ${of('excluded').length} excluded`);
if (only === null)
  writeFileSync(
    join(ROOT, 'docs/conformance.md'),
    report({ results, opTable, version: tf.version_core, fileCount: files.length }),
  );
process.exitCode = of('failed').length + stale.length > 0 || of('passed').length === 0 ? 1 : 0;

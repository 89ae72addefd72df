// What freezing, AutoPipe, AutoDP and AutoCache bring on real data: `pipetrain ablate` for three cases, collected in
// RESULT.md beside this file. node bench/ablate/run.mjs [a] [b] [c] [--seeds 1,2,3] [--cases LIST] [--out FOLDER]
// [--minutes N] [--data FOLDER] [--model FOLDER] Interrupted, or over its time, it goes on where it was when the same
// command is given again.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchModel } from './fetch.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const CASES = {
  a: { title: 'Fine-tuning MiniLM (6 layers, pretrained) on SST-2', data: 'sst2', kind: 'sst2' },
  b: { title: 'BERT text classifier from scratch on SST-2', data: 'sst2', kind: 'sst2' },
  c: { title: 'ViT from scratch on MNIST digits', data: 'mnist10k', kind: 'mnist' },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    cases: { type: 'string' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-ablate') },
    minutes: { type: 'string', default: '60' },
    data: { type: 'string', default: process.env.PIPETRAIN_TEST_DATA ?? join(root, '../shared/data') },
    model: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const fail = (message) => {
  console.error(message);
  process.exit(2);
};
const chosen = positionals.length === 0 ? Object.keys(CASES) : positionals;
for (const name of chosen)
  if (!(name in CASES)) fail(`there is no case "${name}"; there are ${Object.keys(CASES).join(', ')}`);
const minutes = Number(options.minutes);
if (!(minutes > 0)) fail('--minutes takes a number above 0');
for (const { data } of chosen.map((name) => CASES[name]))
  if (!existsSync(join(options.data, data)))
    fail(`no ${data} in ${options.data}; name the folder of the data with --data`);

const out = resolve(options.out);
mkdirSync(out, { recursive: true });
const deadline = performance.now() + minutes * 60_000;

/** Runs the command to its end or the deadline; an interrupted ablation saves and stops. */
function pipetrain(args) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { stdio: 'inherit', cwd: root });
    const timer = setTimeout(
      () => {
        console.error(`${minutes} minutes are over: stopping; the same command goes on from here`);
        child.kill('SIGINT');
      },
      Math.max(0, deadline - performance.now()),
    );
    // Ctrl-C reaches the child by itself; this process only waits for it.
    const wait = () => undefined;
    process.on('SIGINT', wait);
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', wait);
      done(code ?? 130);
    });
  });
}

/** The flags of `pipetrain ablate` for a case; paths as they are here. */
function flagsOf(name) {
  const { data, kind } = CASES[name];
  const model =
    name === 'a'
      ? ['--model', `hf:${options.model === undefined ? fetchModel(join(out, 'model')) : resolve(options.model)}`]
      : [];
  return [
    join('bench/ablate', `${name}.yaml`),
    ...model,
    '--data',
    `${kind}:${join(resolve(options.data), data)}`,
    '--seeds',
    options.seeds,
    ...(options.cases === undefined ? [] : ['--cases', options.cases]),
    '--out',
    join(out, name),
  ];
}

let exit = 0;
for (const name of chosen) {
  if (performance.now() >= deadline) {
    exit = 130;
    break;
  }
  console.log(`\n${name}: ${CASES[name].title}`);
  const begin = performance.now();
  const before = loadavg()[0];
  const code = await pipetrain(['ablate', ...flagsOf(name)]);
  if (code !== 0) {
    exit = code;
    break;
  }
  // A second time it only reads; the measurement is the first.
  const factsFile = join(out, name, 'machine.json');
  if (!existsSync(factsFile))
    writeFileSync(
      factsFile,
      JSON.stringify({
        minutes: (performance.now() - begin) / 60_000,
        loadBefore: before,
        loadAfter: loadavg()[0],
        date: new Date().toISOString().slice(0, 10),
      }),
    );
}

const finished = Object.keys(CASES).filter((name) => existsSync(join(out, name, 'ablation.md')));
if (finished.length > 0) {
  const text = resultText(finished);
  writeFileSync(join(out, 'RESULT.md'), text);
  if (!options['no-write']) {
    writeFileSync(join(here, 'RESULT.md'), text);
    // Where the data lie on this machine is nobody's business.
    for (const name of finished)
      writeFileSync(
        join(here, `${name}.svg`),
        readFileSync(join(out, name, 'ablation.svg'), 'utf8').replaceAll(`${resolve(options.data)}/`, ''),
      );
  }
  console.log(`\nresults  ${options['no-write'] ? join(out, 'RESULT.md') : join(here, 'RESULT.md')}`);
}
process.exitCode = exit;

function resultText(names) {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  const ort = JSON.parse(readFileSync(join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8')).version;
  const sections = names.map((name) => {
    const facts = existsSync(join(out, name, 'machine.json'))
      ? JSON.parse(readFileSync(join(out, name, 'machine.json'), 'utf8'))
      : null;
    const table = readFileSync(join(out, name, 'ablation.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('|') || line.startsWith('-'))
      .join('\n')
      .replace('\n- ', '\n\n- ');
    const measured =
      facts === null
        ? ''
        : `\nMeasured ${facts.date}; load of the machine ${facts.loadBefore.toFixed(1)} before, ` +
          `${facts.loadAfter.toFixed(1)} after.\n`;
    return (
      `## ${name}: ${CASES[name].title}\n\n\`bench/ablate/${name}.yaml\`${measured}\n![speed-up and ` +
      `accuracy](${name}.svg)\n\n${table}\n`
    );
  });
  return `# What each part brings

\`npm run bench:ablate -- ${names.join(' ')} --seeds ${options.seeds}\`; what the columns mean: [docs/ablate.md](../../docs/ablate.md).

${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.version}, ONNX Runtime ${ort}, pipetrain ${version}

${sections.join('\n')}
${existsSync(join(here, 'NOTES.md')) ? readFileSync(join(here, 'NOTES.md'), 'utf8') : ''}`;
}

// A training run for a benchmark that looks at results, not at times: done once, read afterwards. Results do not depend
// on how busy the machine is or on the shape of the run, so that runs of other days and machines of the same kind may
// be compared.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Trains with these arguments of `pipetrain train` into `folder`, unless a finished run lies there. Its events and
 * summary.
 */
export async function trained(folder, args) {
  const isDone = () =>
    existsSync(join(folder, 'summary.json')) &&
    JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')).status === 'finished';
  if (!isDone()) {
    rmSync(folder, { recursive: true, force: true });
    const code = await new Promise((done) => {
      const child = spawn(
        process.execPath,
        [join(root, 'dist/cli/main.js'), 'train', ...args, '--out', folder, '--json'],
        { stdio: ['ignore', 'ignore', 'inherit'], cwd: root },
      );
      child.on('exit', (status) => done(status ?? 130));
    });
    if (code !== 0 || !isDone()) throw new Error(`pipetrain train ${args.join(' ')} ended with ${code}`);
    // The parameters are not needed any more, and large.
    rmSync(join(folder, 'checkpoints'), { recursive: true, force: true });
  }
  const events = readFileSync(join(folder, 'events.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { events, summary: JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')) };
}

export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** What is left of what happened when later events undid it: a freeze rolled back, steps done again. */
export function effective(events, type) {
  let kept = [];
  for (const event of events) {
    if (event.type === 'freeze.rolledBack')
      kept = kept.filter(({ step }) => (type === 'step' ? step < event.toStep : step <= event.toStep));
    if (event.type === type) kept = [...kept.filter(({ step }) => step < event.step), event];
  }
  return kept;
}

// The memory of a GPU in use, watched from outside with nvidia-smi: by all processes together, for in a container it
// does not know them.
import { spawn, spawnSync } from 'node:child_process';

const QUERY = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];

/** MiB in use on the first GPU; null where nvidia-smi does not say. */
function usedNow() {
  const { status, stdout } = spawnSync('nvidia-smi', QUERY, { encoding: 'utf8' });
  const number = Number.parseInt(stdout ?? '', 10);
  return status === 0 && Number.isFinite(number) ? number : null;
}

/**
 * Starts to watch; `stop` says by how many MB the use rose at most since then, or null where nobody says.
 * @returns {{ stop: () => number | null }}
 */
export function watchGpuMemory() {
  const before = usedNow();
  if (before === null) return { stop: () => null };
  let most = before;
  const child = spawn('nvidia-smi', [...QUERY, '--loop-ms=100'], { stdio: ['ignore', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  child.stdout.on('data', (/** @type {Buffer} */ chunk) => {
    const [first] = chunk.toString().trim().split('\n');
    most = Math.max(most, Number.parseInt(first ?? '', 10) || 0);
  });
  return {
    stop: () => {
      child.kill();
      return (most - before) * 1.048576;
    },
  };
}

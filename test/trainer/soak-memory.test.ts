// The short version of `npm run soak:memory`: resident sets and pools of real workers over steps and shapes.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it(
  'memory stays flat over 60 steps and 18 shapes, the pool lends the same buffers before and after a step, ' +
    'and keeps to its cap',
  () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['scripts/soak-memory.mjs', '--steps', '60', '--shapes', '18'],
      { encoding: 'utf8' },
    );
    expect(`${stdout}${stderr}`).toContain('soak:memory: flat');
    expect(status).toBe(0);
  },
  180_000,
);

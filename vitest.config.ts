import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    // Elastic tests start real worker processes; more test files than cores at once would only time each other out.
    maxWorkers: 2,
    // The vendored bundles are plain modules already: Node loads them as they are, ten times as fast as transformed.
    server: { deps: { external: [/\/dist\/vendor\//] } },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});

import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { ClosingLines } from './test/closing-lines.ts';

// Three projects: unit tests beside their files, the Worker's tests in workerd, and what crosses a
// folder's border with real clients and servers.
export default defineConfig({
  test: {
    reporters: ['default', new ClosingLines()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,connector,functions,cli,infra}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      ...(existsSync('edge/vitest.config.ts') ? ['./edge/vitest.config.ts'] : []),
      {
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { ClosingLines } from './test/closing-lines.ts';
import { LongFirst } from './test/order.ts';

// Processes that tests start are many and short: most of their time would go into compiling.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/gatehouse-tests/compiled');

/** What tests a protocol with its real clients and servers, so that it can be run alone. */
const POSTGRES = ['test/conformance/postgres-*.test.ts', 'test/{attacks,masking}/**/*.test.ts'];
const MYSQL = ['test/conformance/mysql/*.test.ts'];
const SSH = ['test/conformance/ssh/*.test.ts'];

const TOY = 'test/toy/**/*.test.ts';
const ADD_ECHO = join(import.meta.dirname, 'test/toy/register.ts');

// Node reads the sources itself, as it does in production: nothing is transformed, and what was compiled is kept.
const NODE = { isolate: false, experimental: { viteModuleRunner: false, nodeLoader: false } };

const ACROSS = {
  setupFiles: ['./test/poison.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // A condition that is waited for is no measure of time.
  expect: { poll: { timeout: 15_000 } },
};

// Projects: unit tests beside their files, the Worker's tests in workerd, and what crosses a folder's border with
// real clients and servers: each protocol, and the rest (`npx vitest run --project postgres`).
export default defineConfig({
  test: {
    reporters: ['default', new ClosingLines()],
    // What a test printed is told when it fails.
    silent: 'passed-only',
    globalSetup: './test/servers/setup.ts',
    sequence: { sequencer: LongFirst },
    // Files run at the same time. One more than two cores have use for: those of the system tests wait for their servers
    // as much as they compute.
    maxWorkers: 3,
    // isolate: false, as what is tested holds no state of its own: loading it again for each file would take longer
    // than most of them do.
    projects: [
      {
        test: {
          ...NODE,
          name: 'unit',
          include: ['{core,connector,functions,cli,infra}/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      ...(existsSync('edge/vitest.config.ts') ? ['./edge/vitest.config.ts'] : []),
      { test: { ...ACROSS, ...NODE, name: 'postgres', include: POSTGRES } },
      { test: { ...ACROSS, ...NODE, name: 'mysql', include: MYSQL } },
      { test: { ...ACROSS, ...NODE, name: 'ssh', include: SSH } },
      {
        test: {
          ...ACROSS,
          ...NODE,
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...POSTGRES, ...MYSQL, ...SSH, TOY],
        },
      },
      // With a protocol more than the product has: nothing of it may be shared with others.
      { test: { ...ACROSS, ...NODE, name: 'toy', include: [TOY], env: { NODE_OPTIONS: `--import ${ADD_ECHO}` } } },
    ],
  },
});

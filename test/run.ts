// `npm test`: makes sure that the real clients and servers which the tests use are there, then runs
// all tests; `npm run soak` in their long form. Arguments go to vitest: `npm test -- test/cli`.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ROOT } from './architecture/tree.ts';

if (!existsSync(`${ROOT}/node_modules/vitest`)) {
  console.error('Run `npm ci` first: the packages are not installed.');
  process.exit(2);
}
spawnSync(process.execPath, [`${ROOT}/test/system-packages.mjs`], { stdio: 'inherit' });
const vitest = spawn(process.execPath, [`${ROOT}/node_modules/vitest/vitest.mjs`, 'run', ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => vitest.kill(signal));
vitest.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));

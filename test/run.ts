// `npm test`: makes sure that the real clients and servers which the tests use are there, then runs
// all tests; `npm run soak` in their long form. Arguments go to vitest: `npm test -- test/cli`.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from './architecture/tree.ts';
import { CLOSING_FILE, type Closing, closingText } from './closing-lines.ts';

if (!existsSync(`${ROOT}/node_modules/vitest`)) {
  console.error('Run `npm ci` first: the packages are not installed.');
  process.exit(2);
}
spawnSync(process.execPath, [`${ROOT}/test/system-packages.mjs`], { stdio: 'inherit' });

const running: ChildProcess[] = [];
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => running.map((it) => it.kill(signal)));

function vitest(args: readonly string[], stdout: 'inherit' | 'pipe', env: Record<string, string> = {}): ChildProcess {
  const started = spawn(process.execPath, [`${ROOT}/node_modules/vitest/vitest.mjs`, 'run', ...args], {
    cwd: ROOT,
    stdio: ['inherit', stdout, 'inherit'],
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', ...env },
  });
  running.push(started);
  return started;
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? (signal ? 1 : 0))));

/** The Worker's tests wait for the one workerd that all of them run in: beside the others, and told after them. */
async function whole(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-tests-'));
  const files = ['edge', 'others'].map((name) => join(directory, name));
  const [edgeFile = '', othersFile = ''] = files;
  const edge = vitest(['--project', 'edge'], 'pipe', { [CLOSING_FILE]: edgeFile });
  const others = vitest(['--project', '!edge'], 'inherit', { [CLOSING_FILE]: othersFile });
  const [edgeText, ...codes] = await Promise.all([edge.stdout ? text(edge.stdout) : '', exitOf(edge), exitOf(others)]);
  process.stdout.write(edgeText);
  // One that could not even begin has left none.
  const closings = files
    .filter((file) => existsSync(file))
    .map((file): Closing => JSON.parse(readFileSync(file, 'utf8')));
  rmSync(directory, { recursive: true });
  console.log(closingText(closings));
  return Math.max(...codes, closings.length === files.length ? 0 : 1);
}

const args = process.argv.slice(2);
process.exitCode = args.length > 0 ? await exitOf(vitest(args, 'inherit')) : await whole();

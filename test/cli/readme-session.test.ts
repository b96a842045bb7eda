// README's second screen, played: its policy, its psql, its approval.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IssuedGrant } from '../../core/api.ts';
import { finish, freePortBase, gatehouse, npmStart, type Started, until, untilReady } from './run-cli.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const PSQL = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((path) => existsSync(path));
let dir: string;
let started: Started;

const as = (person: string, ...args: string[]) => gatehouse(['--data', dir, '--as', person, ...args, '--json']);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-readme-'));
  const policy = join(ROOT, 'docs/examples/policy.yaml');
  started = npmStart(['--data', dir, '--port-base', String(await freePortBase()), '--policy', policy]);
  await untilReady(started);
});
afterAll(async () => {
  started?.child.kill('SIGTERM');
  await started?.exited;
  await rm(dir, { recursive: true, force: true });
});

it('what README shows of psql is what psql shows', async (ctx) => {
  if (!PSQL) return ctx.skip('psql is not installed');
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const screen = /```\n(demo=> begin;.*?)```/s.exec(readme)?.[1] ?? '';
  const typed = [...screen.matchAll(/^demo=\S+ (.*)$/gm)].map(([, text]) => text ?? '');
  expect(typed.length).toBeGreaterThan(3);
  await writeFile(join(dir, 'typed.sql'), typed.join('\n'));
  const { grant, connect } = IssuedGrant.parse(
    JSON.parse((await as('alice', 'request', 'demo', '--reason', 'weights for shipping')).stdout),
  );
  const port = /port=(\d+)/.exec(connect.psql ?? '')?.[1] ?? '';
  const target = `host=localhost port=${port} dbname=demo user=alice@example.com`;
  const psql = spawn('/bin/sh', ['-c', 'exec "$0" -X -d "$1" -f "$2" 2>&1', PSQL, target, join(dir, 'typed.sql')], {
    env: { PATH: process.env.PATH ?? '', PGPASSWORD: grant.secret, LC_ALL: 'C.UTF-8' },
  });
  const shown = finish(psql);
  let request = '';
  await until(async () => {
    request = /req_[a-z0-9]+/.exec((await as('bob', 'approvals')).stdout)?.[0] ?? '';
    return request !== '';
  }, 30_000);
  expect((await as('bob', 'approve', request)).code).toBe(0);
  const lines = (text: string): string[] =>
    text
      .split('\n')
      // Where in which file psql reads, the request's own id, and what psql pads.
      .map((each) =>
        each
          .replace(/^psql:\S+ /, '')
          .replace(/http\S+/, 'LINK')
          .trimEnd(),
      )
      .filter((each) => each !== '' && !each.startsWith('demo='));
  expect(lines((await shown).stdout)).toEqual(lines(screen));
});

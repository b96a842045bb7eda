// Months of the audit log with everything real but the store, which is a directory: the edge in workerd, the functions, the command line.

import { randomUUID } from 'node:crypto';
import { mkdtemp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AuditExportStanding, AuditPage } from '../../../core/audit/audit-page.ts';
import { STORE_IDENTITY_FILE } from '../../../core/recording/store-identity.ts';
import { startTunnelEdge } from '../../tunnel/kit/edge.ts';
import { gatehouse, until } from '../run-cli.ts';

let directory: string;
let edge: Awaited<ReturnType<typeof startTunnelEdge>>;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-months-'));
  await mkdir(join(directory, 'objects'));
  // As a connector that uses it has named it.
  await writeFile(join(directory, 'objects', STORE_IDENTITY_FILE), JSON.stringify({ format: 1, store: randomUUID() }));
  edge = await startTunnelEdge(directory, { settings: { AUDIT_MONTH_ENTRIES: '400' } });
}, 60_000);
afterAll(async () => {
  await edge?.stop();
  await rm(directory, { recursive: true, force: true });
});

test('months that are full leave the edge, are read and proven all the same, and a piece that is gone is told of', async () => {
  const [bob, carol] = [await edge.clientOf('bob'), await edge.clientOf('carol')];
  const invite = async (count: number) => {
    const headers = { authorization: `Bearer ${bob.token}` };
    const ask = () => fetch(`${edge.url}/api/v1/connectors/join-tokens`, { method: 'POST', headers });
    for (let made = 0; made < count; made += 50)
      for (const { status } of await Promise.all(Array.from({ length: 50 }, ask))) expect(status).toBe(200);
  };
  const standing = () => carol.client.get('/audit/export', AuditExportStanding);
  // Pieces of 500 entries are cut at once: two of them, and the first month is over. Its line is in the next piece.
  await invite(1_050);
  await until(async () => (await standing()).exportedThrough >= 1_000, 20_000);
  await invite(500);
  await until(async () => ((await standing()).freed?.through ?? 0) >= 500, 20_000);
  const freed = (await standing()).freed?.through ?? 0;

  const env = { GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: carol.token };
  const verify = async () => gatehouse(['audit', 'verify'], env);
  const proven = await verify();
  expect([proven.code, proven.stdout]).toEqual([0, expect.stringContaining('Whole: ')]);
  const offline = await gatehouse(['audit', 'verify', '--dir', join(directory, 'objects')]);
  expect(offline.code).toBe(0);

  let cursor: string | undefined = String(freed + 3);
  const read: number[] = [];
  while (cursor !== undefined) {
    const search: URLSearchParams = new URLSearchParams({ cursor, limit: '500', actor: 'bob@example.com' });
    const page: AuditPage = await carol.client.get(`/audit?${search}`, AuditPage);
    read.push(...page.entries.map(({ sequence }) => sequence));
    cursor = page.cursor;
  }
  expect(read.length).toBeGreaterThan(490);
  expect(read).toEqual([...new Set(read)].sort((one, other) => other - one));

  const audit = join(directory, 'objects', 'audit');
  const [first = ''] = (await readdir(audit)).sort();
  await rename(join(audit, first), join(directory, first));
  const gone = await gatehouse(['audit', '--cursor', '400', '--limit', '10'], env);
  expect([gone.code, gone.stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining('not in the object store any more'),
  ]);
  expect(gone.code).not.toBe(0);
  expect((await verify()).code).toBe(1);
}, 120_000);

// The audit log's pieces where they are kept: one suite for the directory and for S3, and the routes
// in front of them.

import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeAuditPiece, LOCK_HEADER } from '../../core/audit/audit-archive.ts';
import { STORE_IDENTITY_FILE } from '../../core/recording/store-identity.ts';
import { type AuditEntry, chainAuditEntry } from '../../core/audit/audit.ts';
import { newId } from '../../core/ids.ts';
import { bundleName, checkpointName, encodeBundle } from '../../core/tlog/log-archive.ts';
import { decodeRows, encodeRows, rowsName } from '../../core/tlog/witness-rows.ts';
import { auditArchiveRoutes } from '../../functions/audit-archive.ts';
import { RetriableFault } from '../../functions/faults.ts';
import { logArchiveRoutes } from '../../functions/log-archive.ts';
import { type AuditStore, LOG_OBJECTS } from '../../functions/store/audit-store.ts';
import { directoryAuditStore } from '../../functions/store/directory-audit-store.ts';
import { s3AuditStore } from '../../functions/store/s3-audit-store.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type RunServers, runServer } from '../servers/run-server.ts';

const chain: AuditEntry[] = [];
const forged: AuditEntry[] = [];
for (let i = 0; i < 6; i++) {
  const event = { kind: 'grant.issued', actor: 'alice@example.com', object: `grant ${i}`, details: {} } as const;
  chain.push(await chainAuditEntry(chain.at(-1), event, '2026-11-20T10:00:00.000Z'));
  forged.push(await chainAuditEntry(forged.at(-1), { ...event, actor: 'mallory' }, '2026-11-20T10:00:00.000Z'));
}
const pieceOf = (entries: readonly AuditEntry[]) => {
  const { name, bytes } = encodeAuditPiece(entries);
  return { name, bytes, sha256: createHash('sha256').update(bytes).digest() };
};
const [first, second] = [pieceOf(chain.slice(0, 4)), pieceOf(chain.slice(4))];
const other = pieceOf(forged.slice(0, 4));

function storeSuite(of: () => AuditStore): void {
  const app = () => auditArchiveRoutes(of(), () => {});
  const digestOf = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
  const post = (name: string, bytes: Uint8Array<ArrayBuffer>, digest = digestOf(bytes)) =>
    app().request(`/${name}`, { method: 'POST', body: bytes, headers: { 'content-digest': digest } });

  it('keeps what it is given, once, whatever comes again under the name', async () => {
    expect(await of().list()).toEqual({ pieces: [], after: undefined });
    expect(await of().create(first)).toBe('created');
    expect(await of().create(other)).toBe('exists');
    expect(await of().create(first)).toBe('exists');
    expect(Buffer.from((await of().get(first.name)) as Uint8Array).equals(first.bytes)).toBe(true);
    expect(await of().list()).toEqual({ pieces: [{ name: first.name, bytes: first.bytes.length }], after: undefined });
    expect(await of().get(second.name)).toBeUndefined();
  });

  it('takes one of two that come at the same time', async () => {
    const both = await Promise.allSettled([of().create(second), of().create(second)]);
    const answers = both.map((each) => (each.status === 'fulfilled' ? each.value : 'again'));
    expect(answers.filter((answer) => answer === 'created')).toHaveLength(1);
    expect(Buffer.from((await of().get(second.name)) as Uint8Array).equals(second.bytes)).toBe(true);
  });

  it('answers over HTTP: again is once, another is a contradiction and changes nothing', async () => {
    const again = await post(first.name, first.bytes);
    expect([again.status, await again.json()]).toEqual([200, { digest: first.sha256.toString('hex'), already: true }]);
    const contradiction = await post(other.name, other.bytes);
    expect([contradiction.status, await contradiction.json()]).toMatchObject([409, { error: { reason: 'conflict' } }]);
    const stored = await app().request(`/${first.name}`);
    expect(Buffer.from(await stored.arrayBuffer()).equals(first.bytes)).toBe(true);
  });

  it('refuses what is no piece, what is not what it says, and every other way to write', async () => {
    const changed = Uint8Array.from(second.bytes);
    changed[200] = 33;
    expect((await post(second.name, changed)).status).toBe(400);
    expect((await post(second.name, changed, digestOf(second.bytes))).status).toBe(400);
    expect((await post('0000000007-0000000008.ndjson', second.bytes)).status).toBe(400);
    expect((await post('..%2Fescape.ndjson', second.bytes)).status).toBe(400);
    expect((await post(second.name, new Uint8Array(5 * 1024 * 1024))).status).toBe(413);
    for (const method of ['PUT', 'DELETE', 'PATCH'])
      expect((await app().request(`/${first.name}`, { method })).status).toBe(404);
    expect((await app().request('/..%2Frecordings')).status).toBe(404);
    expect((await app().request('/?after=x')).status).toBe(400);
  });
}

function logSuite(of: () => AuditStore): void {
  const app = () => logArchiveRoutes(of(), () => {});
  const post = (name: string, bytes: Uint8Array<ArrayBuffer>, of: Uint8Array = bytes) => {
    const digest = `sha-256=:${createHash('sha256').update(of).digest('base64')}:`;
    return app().request(`/${name}`, { method: 'POST', body: bytes, headers: { 'content-digest': digest } });
  };
  const entries = [`opened ${'ab'.repeat(32)}`, `manifest ${'ab'.repeat(32)} ${'cd'.repeat(32)}`];
  const bundle = encodeBundle(entries);

  it('keeps bundles and checkpoints of the log of sessions below their own prefix, once', async () => {
    for (const already of [false, true]) {
      const answered = await post(bundleName(1234, 2), bundle);
      expect([answered.status, await answered.json()]).toMatchObject([200, { already }]);
    }
    expect(Buffer.from((await of().get(bundleName(1234, 2))) as Uint8Array).equals(bundle)).toBe(true);
    const others = encodeBundle(entries.toReversed());
    expect((await post(bundleName(1234, 2), others)).status).toBe(409);
    expect((await of().list()).pieces.map(({ name }) => name)).not.toContain(first.name);
    const given = await app().request(`/${bundleName(1234, 2)}`);
    expect([given.status, Buffer.from(await given.arrayBuffer()).equals(bundle)]).toEqual([200, true]);
    expect((await app().request(`/${bundleName(1235, 2)}`)).status).toBe(404);
  });

  it('keeps what was witnessed of a day, and nothing beside that', async () => {
    const row = {
      session: newId('ses'),
      connector: newId('con'),
      ...{ admittedAt: '2026-11-30T10:00:00.000Z', opened: 0, heads: [], headsSoFar: 0 },
    };
    const name = rowsName('2026-11-30', 1);
    expect((await post(name, encodeRows([row]))).status).toBe(200);
    const given = await app().request(`/${name}`);
    expect(decodeRows(new Uint8Array(await given.arrayBuffer()))).toEqual({ ok: true, value: [row] });
    for (const bad of [
      { ...row, email: 'alice@example.com' },
      { ...row, session: 'x' },
    ]) {
      const bytes = Uint8Array.from(new TextEncoder().encode(`${JSON.stringify(bad)}\n`));
      expect((await post(rowsName('2026-11-30', 2), bytes)).status).toBe(400);
    }
    expect((await post(rowsName('2026-11-30', 2), encodeRows([row]).slice(0, -1))).status).toBe(400);
    expect((await post('witness/2026-11-30/1', encodeRows([row]))).status).toBe(400);
  });

  it('refuses what is not of the log, or not what it says', async () => {
    const bad: [string, Uint8Array<ArrayBuffer>][] = [
      [bundleName(7), bundle],
      [bundleName(7, 3), bundle],
      [bundleName(7, 2), bundle.slice(0, -1)],
      [bundleName(7, 1), encodeBundle(['who@example.com'])],
      [checkpointName(2), new TextEncoder().encode('gatehouse.test/sessions\n3\n')],
      ['tile/entries/x000/007', bundle],
      ['tile/entries/..%2F..%2Frecordings', bundle],
      ['audit/0000000001-0000000004.ndjson', first.bytes],
    ];
    for (const [name, bytes] of bad) expect([name, (await post(name, bytes)).status]).toEqual([name, 400]);
    expect((await post(bundleName(8, 2), bundle, encodeBundle(['x']))).status).toBe(400);
    expect((await post(bundleName(9, 2), new Uint8Array(1_100_000))).status).toBe(413);
    for (const method of ['PUT', 'DELETE'])
      expect((await app().request(`/${bundleName(1234, 2)}`, { method })).status).toBe(404);
  });
}

describe('pieces in a directory', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-audit-'));
    // As a connector that uses it has named it.
    await writeFile(join(directory, STORE_IDENTITY_FILE), JSON.stringify({ format: 1, store: randomUUID() }));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  storeSuite(() => directoryAuditStore(directory));
  logSuite(() => directoryAuditStore(directory, LOG_OBJECTS));

  it('stand where S3 would have them, read-only, and without a lock by design', async () => {
    const asked = await auditArchiveRoutes(directoryAuditStore(directory), () => {}).request(`/${first.name}?lock`);
    expect(asked.headers.get(LOCK_HEADER)).toBe('none');
    expect(await readFile(join(directory, 'audit', first.name))).toEqual(Buffer.from(first.bytes));
  });

  it('are refused for now, and not for good, where the directory is away', async () => {
    const file = join(directory, 'audit', first.name);
    await chmod(file, 0o444);
    await expect(directoryAuditStore(file).create(first)).rejects.toThrow(RetriableFault);
  });

  it('are neither stored nor missing in what a store that was moved away left behind', async () => {
    const store = directoryAuditStore(directory);
    expect((await store.list()).pieces).not.toEqual([]);
    const away = `${directory}-away`;
    await rename(directory, away);
    for (const left of ['nothing', 'an empty directory']) {
      if (left !== 'nothing') await mkdir(directory);
      for (const work of [() => store.create(other), () => store.list(), () => store.get(first.name)])
        await expect(work()).rejects.toThrow(RetriableFault);
      await expect(directoryAuditStore(directory).create(other)).rejects.toThrow(RetriableFault);
    }
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
    await rename(away, directory);
    expect(await store.create(first)).toBe('exists');
  });
});

// Real S3, with everything that AWS has and local stand-ins lack.
const missing = cephMissing();
const ARCHIVE = `archive-${randomUUID()}`;
const PLAIN = `plain-${randomUUID()}`;
describe('pieces in S3', () => {
  let ceph: RunServers['ceph'] | undefined;
  let client: S3Client;
  const now = Date.now();
  beforeAll(async () => {
    if (missing) return;
    ceph = await runServer('ceph');
    client = new S3Client({ ...ceph, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: ARCHIVE, ObjectLockEnabledForBucket: true }));
    await client.send(new CreateBucketCommand({ Bucket: PLAIN }));
  });
  afterAll(async () => {
    client?.destroy();
  });
  const store = () => s3AuditStore(client, ARCHIVE, { mode: 'COMPLIANCE', days: 3650 }, () => now);
  if (missing) it('needs Ceph', (context) => context.skip(missing));
  else {
    // Ceph before 20 ignores If-None-Match in a bucket with versions, which Object Lock needs; AWS honours it in both.
    storeSuite(() => s3AuditStore(client, PLAIN, 'none', () => now));
    logSuite(() => s3AuditStore(client, PLAIN, 'none', () => now, LOG_OBJECTS));

    it('are locked for as long as was set, in one version that cannot be deleted', async () => {
      const Key = `audit/${first.name}`;
      expect(await store().create(first)).toBe('created');
      const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket: ARCHIVE, Key }));
      expect(Retention?.Mode).toBe('COMPLIANCE');
      const days = ((Retention?.RetainUntilDate?.getTime() ?? 0) - now) / 86_400_000;
      expect(days).toBeGreaterThan(3649);
      expect(days).toBeLessThanOrEqual(3650);
      const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: ARCHIVE, Prefix: Key }));
      expect(Versions).toHaveLength(1);
      const VersionId = Versions[0]?.VersionId;
      await expect(client.send(new DeleteObjectCommand({ Bucket: ARCHIVE, Key, VersionId }))).rejects.toThrow();
    });

    it('say until when they are locked, and of one that is not that it is not', async () => {
      const until = await store().lockedUntil(first.name);
      expect(Date.parse(until ?? '')).toBeGreaterThan(now + 3649 * 86_400_000);
      const answer = await auditArchiveRoutes(store(), () => {}).request(`/${first.name}?lock`);
      expect(answer.headers.get(LOCK_HEADER)).toBe(until);
      // As whoever holds the account could put it, past the functions.
      await s3AuditStore(client, ARCHIVE, 'none', () => now).create(second);
      expect(await store().lockedUntil(second.name)).toBeUndefined();
      const open = await auditArchiveRoutes(store(), () => {}).request(`/${second.name}?lock`);
      expect([open.status, open.headers.get(LOCK_HEADER)]).toEqual([200, null]);
      expect(await s3AuditStore(client, PLAIN, 'none', () => now).lockedUntil(first.name)).toBe('none');
    });

    it('are refused for now, and not for good, where the store is away', async () => {
      const away = new S3Client({ ...ceph, endpoint: 'http://127.0.0.1:9', forcePathStyle: true, maxAttempts: 1 });
      const gone = s3AuditStore(away, ARCHIVE, { mode: 'COMPLIANCE', days: 1 }, () => now);
      await expect(gone.create(first)).rejects.toThrow(RetriableFault);
      await expect(gone.list()).rejects.toThrow(RetriableFault);
      await expect(gone.get(first.name)).rejects.toThrow(RetriableFault);
      await expect(gone.lockedUntil(first.name)).rejects.toThrow(RetriableFault);
      away.destroy();
    });
  }
});

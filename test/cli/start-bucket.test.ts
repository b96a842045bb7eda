// npm start with its archive in a bucket: a session with psql, sealed, found, proven, replayed, after another start too; and a
// store that would not keep it, refused in one line.

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IssuedGrant } from '../../core/api.ts';
import { SessionPage } from '../../core/catalogue.ts';
import { SearchPage } from '../../core/search/page.ts';
import { DevFile } from '../../cli/settings.ts';
import { s3ClientOf } from '../../functions/store/s3-client.ts';
import { cephMissing } from '../harness/ceph.ts';
import { type S3Front, startS3Front } from '../servers/s3-front.ts';
import { runServer } from '../servers/run-server.ts';
import { command, finish, freePortBase, npmStart, type Started, untilReady } from './run-cli.ts';

const PSQL = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((path) => existsSync(path));
const missing = cephMissing() ?? (PSQL ? undefined : 'psql is not installed: apt-get install postgresql-client');
describe.skipIf(missing !== undefined)('npm start with ARCHIVE=s3', () => {
  const bucket = `start-${randomUUID()}`;
  let front: S3Front;
  let client: S3Client;
  let env: Record<string, string>;
  let secretKey: string;
  let dir: string;
  let base: number;
  let started: Started;
  let session: string;

  beforeAll(async () => {
    const { region, credentials, ...ceph } = await runServer('ceph');
    front = await startS3Front({ region, credentials, ...ceph });
    secretKey = credentials.secretAccessKey;
    client = s3ClientOf({ bucket, region, endpoint: front.endpoint, ...credentials });
    await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
    env = {
      ...{ ARCHIVE: 's3', S3_ENDPOINT: front.endpoint, S3_BUCKET: bucket },
      ...{ AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: secretKey },
    };
    dir = await mkdtemp(join(tmpdir(), 'gatehouse-start-'));
    base = await freePortBase();
  });
  afterAll(async () => {
    started?.child.kill('SIGTERM');
    await started?.exited;
    client?.destroy();
    await front?.close();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  const start = (more: Record<string, string> = {}): Started =>
    npmStart(['--data', dir, '--port-base', String(base)], { env: { ...env, ...more } });
  const as = (person: string, ...args: string[]) => command(['--data', dir, '--as', person, ...args]);
  const recordings = async () => {
    const listed = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: 'recordings/' }));
    return (listed.Versions ?? []).map(({ Key = '' }) => Key).filter((key) => key.includes(session));
  };

  it('refuses a store that overwrites, and takes the folder once it does not', async () => {
    front.broken = 'takes a second put';
    const refused = start();
    expect(await refused.exited).toBe(1);
    const [line, ...rest] = refused.output().trim().split('\n').slice(1);
    expect(rest).toEqual([]);
    expect(line).toMatch(
      /^gatehouse: functions did not start: the bucket start-\S+ at http:\S+ cannot be the archive: it took a second put/,
    );
    front.broken = undefined;
    started = start();
    await untilReady(started);
  });

  it('gives the keys to those who need them, and shows them to nobody', async () => {
    const { pids } = DevFile.parse(JSON.parse(await readFile(join(dir, 'dev.json'), 'utf8')));
    const holders: string[] = [];
    for (const [name, pid] of Object.entries(pids)) {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      expect(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).not.toContain(secretKey);
      if (environment.includes(secretKey)) holders.push(name);
    }
    expect(holders.sort()).toEqual(['connector', 'main']);
    for (const log of ['functions', 'connector', 'edge'])
      expect(await readFile(join(dir, 'logs', `${log}.log`), 'utf8')).not.toContain(secretKey);
    expect(await readFile(join(dir, 'logs', 'functions.log'), 'utf8')).toContain('"kind":"store.proven"');
    expect(started.output()).not.toContain(secretKey);
  });

  it('keeps, finds and proves a session with psql', async () => {
    const asked = await as('alice', 'request', 'demo', '--reason', 'a test', '--json');
    const { connect } = IssuedGrant.parse(JSON.parse(asked.stdout));
    const env = { PATH: `${PSQL?.replace(/\/psql$/, '')}:/usr/bin:/bin`, HOME: '/nonexistent' };
    const psql = await finish(spawn('sh', ['-c', `${connect.psql} -At -c "select 'in a bucket'"`], { env }));
    expect(psql).toMatchObject({ code: 0, stdout: 'in a bucket\n' });
    const newest = async () =>
      SessionPage.parse(JSON.parse((await as('carol', 'sessions', '--json')).stdout)).sessions[0];
    await expect.poll(newest, { timeout: 30_000 }).toMatchObject({ state: 'sealed', reason: 'a test' });
    session = (await newest())?.id ?? '';
    expect(await recordings()).toHaveLength(2);
    expect(await as('carol', 'verify', '--all')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/All 2 proven/),
    });
    const { hits } = SearchPage.parse(JSON.parse((await as('carol', 'search', '"in a bucket"', '--json')).stdout));
    expect(hits.map((hit) => hit.session)).toEqual([session]);
    const kept = await as('carol', 'retention', 'show', session);
    expect(kept.stdout).toContain('locked in governance mode until');
  });

  it('goes on after another start, and with no other archive', async () => {
    started.child.kill('SIGTERM');
    expect(await started.exited).toBe(0);
    for (const [more, said] of [
      [{ ARCHIVE: '' }, /was made with ARCHIVE=s3 S3_ENDPOINT=\S+ S3_BUCKET=start-/],
      [{ S3_BUCKET: 'another' }, /was made with S3_BUCKET=start-\S+: name that/],
      [{ S3_BUCKET: '' }, /ARCHIVE=s3: S3_BUCKET is not set/],
      [{ AWS_SECRET_ACCESS_KEY: 'wrong-secret' }, /it does not know these keys \(403 SignatureDoesNotMatch\)/],
    ] as const) {
      const refused = start(more);
      expect(await refused.exited).not.toBe(0);
      expect(refused.output().trim().split('\n').at(-1)).toMatch(said);
      expect(refused.output()).not.toMatch(/wrong-secret/);
    }
    started = start();
    await untilReady(started);
    expect((await as('carol', 'verify', session)).code).toBe(0);
    expect((await as('carol', 'replay', session)).stdout).toContain('in a bucket');
  });
});

import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveSettings, keepArchive, settleArchive } from './archive-settings.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'a-secret' };
const S3 = { ARCHIVE: 's3', S3_ENDPOINT: 'http://127.0.0.1:9000', S3_BUCKET: 'archive', ...KEYS };

describe('where the archive is', () => {
  it('is a directory when nobody says else, whatever other programs are told of S3', () => {
    for (const env of [{}, { ARCHIVE: '' }, { ARCHIVE: 'directory' }, { S3_BUCKET: 'backups', ...KEYS }])
      expect(archiveSettings(env)).toEqual({ kind: 'directory' });
  });

  it('is a bucket, in governance mode unless it is said', () => {
    expect(archiveSettings(S3)).toEqual({
      kind: 's3',
      place: { bucket: 'archive', region: 'us-east-1', endpoint: 'http://127.0.0.1:9000' },
      keys: { accessKeyId: 'AKIATEST', secretAccessKey: 'a-secret', sessionToken: undefined },
      lock: { mode: 'GOVERNANCE', days: 3650 },
    });
    const { S3_ENDPOINT: _, ...aws } = S3;
    const more = { AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN: 't', S3_LOCK: 'COMPLIANCE', S3_LOCK_DAYS: '400' };
    expect(archiveSettings({ ...aws, ...more })).toMatchObject({
      place: { region: 'eu-west-1', endpoint: undefined },
      keys: { sessionToken: 't' },
      lock: { mode: 'COMPLIANCE', days: 400 },
    });
  });

  it.each([
    [{ ARCHIVE: 'minio' }, 'ARCHIVE=minio: expected s3 or directory'],
    [{ S3_BUCKET: '' }, 'S3_BUCKET is not set'],
    [{ S3_BUCKET: 'Not A Bucket' }, 'S3_BUCKET=Not A Bucket: expected the name'],
    [{ AWS_ACCESS_KEY_ID: undefined }, 'AWS_ACCESS_KEY_ID is not set'],
    [{ AWS_SECRET_ACCESS_KEY: undefined }, 'AWS_SECRET_ACCESS_KEY is not set'],
    [{ S3_ENDPOINT: 'minio:9000' }, 'S3_ENDPOINT: expected an address'],
    [{ S3_ENDPOINT: 'http://127.0.0.1:9000/archive' }, 'without the bucket'],
    [{ S3_ENDPOINT: 'http://root:hunter2@127.0.0.1' }, 'keys go into AWS_ACCESS_KEY_ID'],
    [{ S3_ENDPOINT: undefined }, 'AWS_REGION is not set'],
    [{ S3_LOCK: 'none' }, 'S3_LOCK=none: expected GOVERNANCE or COMPLIANCE'],
    [{ S3_LOCK_DAYS: '0' }, 'S3_LOCK_DAYS=0: expected days'],
  ])('%j is refused: %s', (more, message) => {
    const read = () => archiveSettings({ ...S3, ...more });
    expect(read).toThrow(message);
    expect(read).not.toThrow(/a-secret|hunter2/);
  });
});

describe('a data folder', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'gatehouse-archive-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));
  const settle = (env: Record<string, string>, isNew = false) =>
    settleArchive({ path, isNew }, '.gatehouse', archiveSettings(env));

  it('keeps to its bucket once that was taken, and may name another before', async () => {
    const store = await settle(S3, true);
    expect(await settle({ ...S3, S3_BUCKET: 'other' })).toBe(store);
    expect(await settle({})).toBeUndefined();
    await expect(settle(S3)).rejects.toThrow('.gatehouse has its archive in a directory');
    const again = await settle(S3, true);
    await keepArchive({ path });
    expect(await settle({ ...S3, S3_ENDPOINT: 'http://127.0.0.1:9001' })).toBe(again);
    await expect(settle({ ...S3, S3_BUCKET: 'other' })).rejects.toThrow('was made with S3_BUCKET=archive: name that');
    await expect(settle({})).rejects.toThrow('ARCHIVE=s3 S3_ENDPOINT=http://127.0.0.1:9001 S3_BUCKET=archive');
    expect(await readFile(join(path, 'archive.json'), 'utf8')).not.toContain('a-secret');
    expect((await stat(join(path, 'archive.json'))).mode & 0o777).toBe(0o600);
  });

  it('that held a directory archive does not begin another in a bucket', async () => {
    await expect(settle(S3)).rejects.toThrow('has its archive in a directory: leave ARCHIVE out');
  });
});

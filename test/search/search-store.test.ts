// One suite for every place where search segments are kept.

import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RetriableFault } from '../../functions/faults.ts';
import { directorySearchStore } from '../../functions/search/store/directory-search-store.ts';
import { s3SearchStore } from '../../functions/search/store/s3-search-store.ts';
import type { SearchStore } from '../../functions/search/store/search-store.ts';
import { cephMissing } from '../harness/ceph.ts';
import { memorySearchStore } from '../harness/search/memory-store.ts';
import { runServer } from '../servers/run-server.ts';

const scope = 'ab'.repeat(12);
const place = (letter: string) => ({ scope, id: letter.repeat(26) });
const bytes = (text: string) => new TextEncoder().encode(text);

function storeSuite(of: () => SearchStore): void {
  it('keeps what was stored first, reads it, and deletes it', async () => {
    expect(await of().get(place('a'))).toBeUndefined();
    expect(await of().create(place('a'), bytes('one'))).toBe('created');
    expect(await of().create(place('a'), bytes('two'))).toBe('exists');
    expect(Buffer.from((await of().get(place('a'))) ?? '').toString()).toBe('one');
    await of().delete(place('a'));
    expect(await of().get(place('a'))).toBeUndefined();
    await of().delete(place('a'));
  });

  it('of two who store at once takes one', async () => {
    const both = await Promise.all(['one', 'two'].map((text) => of().create(place('b'), bytes(text))));
    expect(both.sort()).toEqual(['created', 'exists']);
  });

  it('says what there is', async () => {
    const walked = async () => {
      const found = [];
      for await (const each of of().walk()) if (/^[cd]/.test(each.id)) found.push(each);
      return found;
    };
    expect(await walked()).toEqual([]);
    for (const letter of ['d', 'c']) await of().create(place(letter), bytes(letter));
    expect(await walked()).toEqual([place('c'), place('d')]);
    await of().delete(place('d'));
    expect(await walked()).toEqual([place('c')]);
  });

  it('has no other places', async () => {
    for (const wrong of [
      { scope: '..', id: 'a' },
      { scope, id: '../../../../../../etc/passwd' },
      { scope: `${scope}/`, id: place('a').id },
    ])
      await expect((async () => of().get(wrong))()).rejects.toThrow('not the place of a search segment');
  });
}

describe('search segments in memory', () => {
  const store = memorySearchStore();
  storeSuite(() => store);
});

describe('search segments in a directory', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-search-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  storeSuite(() => directorySearchStore(directory));

  it('leave nothing half written', async () => {
    expect((await readdir(directory)).filter((name) => name.startsWith('.part'))).toEqual([]);
  });
});

const missing = cephMissing();
describe('search segments in S3', () => {
  const Bucket = `search-${randomUUID()}`;
  let client: S3Client;
  beforeAll(async () => {
    if (missing) return;
    client = new S3Client({ ...(await runServer('ceph')), forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => client?.destroy());
  if (missing) it('cannot be tested here', (context) => context.skip(missing));
  else storeSuite(() => s3SearchStore(client, Bucket));

  it('say to try again when the store is away', async () => {
    const away = new S3Client({
      endpoint: 'http://127.0.0.1:9',
      region: 'x',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
      maxAttempts: 1,
    });
    await expect(s3SearchStore(away, Bucket).get(place('a'))).rejects.toThrow(RetriableFault);
    away.destroy();
  });
});

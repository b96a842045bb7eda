// One suite for every place where rendered exports are kept, and their links as whoever got one opens them.

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId, type SessionId } from '../../core/ids.ts';
import { RetriableFault } from '../../functions/faults.ts';
import { directoryRenderedStore } from '../../functions/rendered/directory-rendered-store.ts';
import type { RenderedStore } from '../../functions/rendered/rendered-store.ts';
import { s3RenderedStore } from '../../functions/rendered/s3-rendered-store.ts';
import { cephMissing } from '../harness/ceph.ts';
import { runServer } from '../servers/run-server.ts';

const placeOf = (letter = 'a', session = newId('ses')) => ({ session, key: letter.repeat(64) });
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (read: Uint8Array | undefined) => read && Buffer.from(read).toString();

async function all(store: RenderedStore): Promise<{ session: SessionId; oldestMs: number }[]> {
  const found = [];
  for await (const each of store.sessions()) found.push(each);
  return found;
}

function storeSuite(of: () => RenderedStore): void {
  it('keeps parts and how far they are, and writes over what was there', async () => {
    const place = placeOf();
    expect(await of().get(place, 0)).toBeUndefined();
    for (const text of ['one', 'two']) await of().put(place, 0, bytes(text));
    await of().put(place, 'progress', bytes('{}'));
    expect([await of().get(place, 0), await of().get(place, 'progress')].map(textOf)).toEqual(['two', '{}']);
  });

  it('removes all of one session, and nothing of another', async () => {
    const [one, other] = [placeOf(), placeOf()];
    for (const place of [one, { ...one, key: 'b'.repeat(64) }, other]) await of().put(place, 1, bytes('x'));
    const sessions = async () => (await all(of())).map(({ session }) => session);
    expect(await sessions()).toEqual(expect.arrayContaining([one.session, other.session]));
    for (let again = 0; again < 2; again++) await of().remove(one.session);
    expect(await of().get(one, 1)).toBeUndefined();
    expect(await sessions()).not.toContain(one.session);
    expect(textOf(await of().get(other, 1))).toBe('x');
  });

  it('says how old the oldest of a session is', async () => {
    const place = placeOf();
    await of().put(place, 0, bytes('x'));
    const found = (await all(of())).find(({ session }) => session === place.session);
    expect(Math.abs((found?.oldestMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it('has no other places', async () => {
    for (const wrong of [
      { ...placeOf(), key: '..' },
      { session: '../../etc' as never, key: 'a'.repeat(64) },
    ])
      await expect((async () => of().get(wrong, 0))()).rejects.toThrow();
  });
}

describe('rendered exports in a directory', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gatehouse-rendered-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  storeSuite(() => directoryRenderedStore(directory, () => 'http://127.0.0.1:1'));
});

const missing = cephMissing();
describe.skipIf(missing !== undefined)('rendered exports in S3', () => {
  const bucket = `rendered-${randomUUID()}`;
  let client: S3Client;
  let now = Date.now;
  const store = () => s3RenderedStore(client, bucket, () => now());
  beforeAll(async () => {
    const { endpoint, region, credentials } = await runServer('ceph');
    client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterAll(() => client?.destroy());
  storeSuite(store);

  it('are opened by a link alone, each by its own, and saved under their name', async () => {
    const place = placeOf();
    for (const part of [0, 1]) await store().put(place, part, bytes(`part ${part}`));
    const url = await store().link(place, 0, 'a.ndjson.001', Date.now() + 300_000);
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([200, 'part 0']);
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a.ndjson.001"');
    expect(new URL(url).searchParams.get('X-Amz-Expires')).toMatch(/^(?:300|299)$/);
    expect((await fetch(url.replace('/000000?', '/000001?'))).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=2', 'X-Amz-Expires=9').replace('=300', '=900'))).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(url.split('?')[0] ?? '')).status).toBe(403);
  });

  it('are not opened by a link that is over', async () => {
    const place = placeOf();
    await store().put(place, 0, bytes('x'));
    const hourAgo = Date.now() - 3_600_000;
    now = () => hourAgo;
    const dated = await store().link(place, 0, 'a', hourAgo + 300_000);
    now = Date.now;
    expect((await fetch(dated)).status).toBe(403);
  });

  it('are for later when the store does not answer', async () => {
    const none = s3RenderedStore(client, `none-${randomUUID()}`, Date.now);
    await expect(none.put(placeOf(), 0, bytes('x'))).rejects.toThrow(RetriableFault);
    await expect(none.remove(newId('ses'))).rejects.toThrow(RetriableFault);
  });
});

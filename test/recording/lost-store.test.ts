// Law 6 with stores that are away or lie.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { objectNames, openLog, RecordedClient, verifyStored } from '../harness/recording.ts';
import { connector, directory, expectLaw1, objects, place, store, turn, undo, withFolders } from './folders.ts';

withFolders();

describe('law 6', () => {
  test('a store that is away loses nothing, is reported once, and again when it is back', async () => {
    const limits = { walFileBytes: 256 * 1024 };
    const { log, reports, faults } = await openLog(connector, directory, { store: store(), limits });
    writeFileSync(objects, 'the store is away');
    const clients = Array.from({ length: 5 }, () => new RecordedClient(connector, log));
    for (let round = 0; round < 20; round++) {
      for (const client of clients) client.send('target', Buffer.alloc(20_000, round));
      await turn();
    }
    for (const client of clients) client.end();
    await expect.poll(() => log.health().backlog.failing, { timeout: 15_000 }).toBe(5);
    // Long enough for several tries of each.
    expect((await log.drain(2_000)).drained).toBe(false);
    expect(faults()).toEqual(['upload_failing']);
    expect(reports.filter(({ kind }) => kind === 'segment.stored')).toEqual([]);
    expect(readdirSync(join(directory, 'wal')).length).toBeGreaterThan(4);
    rmSync(objects);
    expect((await log.drain(20_000)).drained).toBe(true);
    for (const client of clients) await expectLaw1(client);
    expect(faults()).toEqual(['upload_failing', 'upload_recovered']);
    await expect.poll(() => readdirSync(join(directory, 'wal')).length, { timeout: 15_000 }).toBe(1);
    await log.close();
  });

  test('what is drained is in the catalogue too: whoever hears of new objects has heard of all', async () => {
    let taken = 0;
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        setTimeout(() => {
          taken += JSON.parse(body).Records.length;
          response.writeHead(204).end();
        }, 300);
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    undo.push(() => receiver.close());
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/events`;
    const events = { url, bucket: 'recordings' };
    const { log } = await openLog(connector, directory, { store: { ...store(), events } });
    const client = new RecordedClient(connector, log);
    client.send('client', 'the last before the stop');
    await turn();
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    await log.close();
    // The segment and the manifest.
    expect(taken).toBe(2);
  });

  test('a store that is moved away under load gets all of it when it is back, and nothing is put in its place', async () => {
    const opened = await openLog(connector, directory, { store: store() });
    undo.push(() => opened.log.close());
    const away = join(place, 'away');
    const clients: RecordedClient[] = [];
    const work = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const client = new RecordedClient(connector, opened.log);
        clients.push(client);
        for (let i = 0; i < 20; i++) client.send('target', `row ${round} ${i} ${'.'.repeat(500)}`);
        await turn();
        client.end();
        await turn();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await work(20);
    await expect.poll(() => existsSync(join(directory, 'store.json')), { timeout: 15_000 }).toBe(true);
    renameSync(objects, away);
    await work(20);
    expect(existsSync(objects)).toBe(false);
    // What an unmount leaves behind.
    mkdirSync(objects);
    await work(20);
    await expect.poll(() => opened.faults()).toContain('upload_failing');
    expect(readdirSync(objects)).toEqual([]);
    rmSync(objects, { recursive: true });
    renameSync(away, objects);
    await work(20);
    expect(await opened.log.drain(15_000)).toMatchObject({ drained: true });
    for (const client of clients) await expectLaw1(client);
  });

  test('what the store did not take survives restarts, and is sent as it was', async () => {
    writeFileSync(objects, 'the store is away');
    const first = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, first.log);
    client.send('target', Buffer.alloc(3_000_000, 'abc'));
    await turn();
    client.end();
    const session = join(directory, 'sessions', client.session);
    await expect.poll(() => existsSync(join(session, 'manifest.json')), { timeout: 20_000 }).toBe(true);
    expect((await first.log.drain(500)).drained).toBe(false);
    await first.log.close();
    const spooled = new Map(readdirSync(session).map((name) => [name, digestOf(join(session, name))]));
    expect(spooled.size).toBeGreaterThan(3);
    rmSync(objects);
    const second = await openLog(connector, directory, { store: store() });
    expect((await second.log.drain(20_000)).drained).toBe(true);
    const stored = join(objects, 'recordings', connector.id, client.session);
    for (const name of readdirSync(stored)) expect(digestOf(join(stored, name))).toBe(spooled.get(name));
    await expectLaw1(client);
    await second.log.close();
  });

  test('an object that was there before it was first sent is reported, left alone, and holds up nobody else', async () => {
    const { log, reports } = await openLog(connector, directory, { store: store() });
    const client = new RecordedClient(connector, log);
    const folder = join(objects, 'recordings', connector.id, client.session);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, '00000000.seg'), 'somebody was here before');
    const other = new RecordedClient(connector, log);
    for (const one of [client, other]) {
      one.send('client', 'hello');
      await turn();
      one.end();
    }
    await expect
      .poll(() => objectNames(objects, connector, other.session), { timeout: 15_000 })
      .toContain('manifest.json');
    await expect
      .poll(() => reports, { timeout: 15_000 })
      .toContainEqual(expect.objectContaining({ reason: 'object_existed', session: client.session }));
    expect((await verifyStored(objects, connector, client.session)).proven).toBe(false);
    await expect.poll(() => log.health().backlog.stuck, { timeout: 15_000 }).toBe(1);
    await log.close();
    expect(readdirSync(join(directory, 'sessions', client.session)).sort()).toEqual(['00000000.seg', 'manifest.json']);
  });

  test.each(['without a checksum', 'with a wrong checksum'] as const)(
    'a store that answers %s has confirmed nothing',
    async (how) => {
      const s3 = await startLyingS3(how);
      const { log, faults } = await openLog(connector, directory, { store: s3.settings });
      const client = new RecordedClient(connector, log);
      client.send('client', 'hello');
      await turn();
      client.end();
      await expect.poll(() => faults(), { timeout: 15_000 }).toEqual(['upload_failing']);
      expect((await log.drain(1_000)).drained).toBe(false);
      expect(readdirSync(join(directory, 'sessions', client.session))).toContain('00000000.seg');
      s3.behave();
      expect((await log.drain(20_000)).drained).toBe(true);
      s3.writeTo(objects);
      await expectLaw1(client);
      await log.close();
    },
  );

  test('a store that says it took what it lost is found out by verification', async () => {
    const s3 = await startLyingS3('losing writes');
    const { log } = await openLog(connector, directory, { store: s3.settings });
    const client = new RecordedClient(connector, log);
    client.send('target', Buffer.alloc(3_000_000, 'x'));
    await turn();
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    s3.writeTo(objects);
    const report = await verifyStored(objects, connector, client.session);
    expect(report.proven).toBe(false);
    expect(report.faults).toContainEqual(
      expect.objectContaining({ object: '00000001.seg', reason: 'segment_missing' }),
    );
    await log.close();
  });
});

const digestOf = (path: string): string => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);

type Lie = 'without a checksum' | 'with a wrong checksum' | 'losing writes';

/** Enough of S3's PutObject to be talked to by the real client, and to lie to it. */
async function startLyingS3(lie: Lie) {
  const held = new Map<string, Buffer>();
  let lying = true;
  const server: Server = createServer(async (request, response) => {
    // What the bucket's settings are it does not tell, as usual.
    if (request.method !== 'PUT') {
      response.writeHead(403).end();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const key = decodeURIComponent((request.url ?? '').split('?')[0] ?? '').replace(/^\/bucket\//, '');
    const sha256 = createHash('sha256').update(body).digest('base64');
    const exists = held.has(key);
    if (!exists && !(lie === 'losing writes' && key.endsWith('00000001.seg'))) held.set(key, body);
    if (exists) response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
    else if (lying && lie === 'without a checksum') {
      held.delete(key);
      response.writeHead(200).end();
    } else if (lying && lie === 'with a wrong checksum') {
      held.delete(key);
      response.writeHead(200, { 'x-amz-checksum-sha256': createHash('sha256').digest('base64') }).end();
    } else response.writeHead(200, { 'x-amz-checksum-sha256': sha256, 'x-amz-version-id': 'v1' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    settings: {
      kind: 's3' as const,
      bucket: 'bucket',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    },
    behave: () => {
      lying = false;
    },
    writeTo(root: string) {
      for (const [key, bytes] of held) {
        mkdirSync(join(root, key, '..'), { recursive: true });
        writeFileSync(`${join(root, key)}.part`, bytes);
        renameSync(`${join(root, key)}.part`, join(root, key));
      }
    },
  };
}

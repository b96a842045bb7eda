// Laws 1 and 6 with real disks that are full and stores that are away or lie.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { RESERVE_BYTES } from '../../connector/recording/archive/disk-reserve.ts';
import { nodeWalStorage, type WalFile, type WalStorage } from '../../connector/recording/wal/wal-file.ts';
import { newId } from '../../core/ids.ts';
import {
  objectNames,
  openedFact,
  openLog,
  RecordedClient,
  readRecording,
  testConnector,
  verifyStored,
} from '../harness/recording.ts';

const connector = testConnector();
let place = '';
let directory = '';
let objects = '';
const undo: (() => unknown)[] = [];

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-laws-'));
  directory = join(place, 'connector');
  objects = join(place, 'objects');
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  rmSync(place, { recursive: true, force: true });
});
const store = () => ({ kind: 'directory' as const, root: objects });
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Everything that reached the other side is in the recording, and nothing is missing from it. */
async function expectLaw1(client: RecordedClient): Promise<void> {
  const report = await verifyStored(objects, connector, client.session);
  expect(report.faults).toEqual([]);
  const stored = readRecording(objects, connector, client.session);
  for (const direction of ['client', 'target'] as const) {
    const delivered = Buffer.concat(client.delivered[direction]);
    expect(stored.wire(direction).subarray(0, delivered.length).equals(delivered)).toBe(true);
  }
}

describe('law 1 on a disk that is full', () => {
  function smallDisk(context: TestContext, mebibytes = 16): { fill(): void; free(): void } {
    if (process.getuid?.() !== 0) context.skip('mounting a tmpfs needs root');
    mkdirSync(directory);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'gatehouse-test', directory], {
        stdio: 'pipe',
      });
    } catch {
      context.skip('this machine lets nobody mount a tmpfs');
    }
    undo.push(() => execFileSync('umount', ['-l', directory]));
    const filler = join(directory, 'somebody-else');
    return {
      fill: () => {
        const { bavail, bsize } = statfsSync(directory);
        writeFileSync(filler, Buffer.alloc(bavail * bsize));
      },
      free: () => rmSync(filler),
    };
  }

  test('sessions pause, nothing is delivered, and all goes on when there is room', async (context) => {
    const disk = smallDisk(context);
    const { log, faults } = await openLog(connector, directory, { store: store(), limits: { pauseMs: 20_000 } });
    const client = new RecordedClient(connector, log);
    client.send('client', 'while there is room');
    await turn();
    const before = client.deliveredBytes;
    disk.fill();
    for (let i = 0; i < 64; i++) client.send('target', Buffer.alloc(4096, i));
    await expect.poll(() => log.health().log, { timeout: 15_000 }).toBe('paused');
    expect(client.deliveredBytes).toBe(before);
    expect(client.recorder.pendingBytes).toBeGreaterThanOrEqual(64 * 4096);
    expect(log.open(openedFact(connector.id, newId('ses')), () => {})).toMatchObject({ ok: false });
    disk.free();
    await expect.poll(() => client.deliveredBytes, { timeout: 15_000 }).toBe(before + 64 * 4096);
    expect(client.failures).toEqual([]);
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    await expectLaw1(client);
    expect(faults()).toEqual(expect.arrayContaining(['log_failing', 'log_recovered']));
    await log.close();
  });

  test('sessions end when it stays full, and what was not logged is never delivered', async (context) => {
    const disk = smallDisk(context);
    const { log, faults } = await openLog(connector, directory, { store: store(), limits: { pauseMs: 300 } });
    const clients = Array.from({ length: 3 }, () => new RecordedClient(connector, log));
    for (const client of clients) client.send('client', 'while there is room');
    await turn();
    const [active, , idle] = clients as [RecordedClient, RecordedClient, RecordedClient];
    disk.fill();
    for (let i = 0; i < 64; i++) active.send('target', Buffer.alloc(4096, i));
    await expect.poll(() => idle.failures.length, { timeout: 15_000 }).toBe(1);
    for (const client of clients) {
      expect(client.failures[0]?.message).toMatch(/ENOSPC|short write/);
      expect(client.deliveredBytes).toBe('while there is room'.length);
      // As a session does that is told.
      client.end('log_failed');
      expect(client.recorder.neverLogged).toBe(false);
    }
    expect(log.open(openedFact(connector.id, newId('ses')), () => {})).toMatchObject({ ok: false });
    expect(log.health()).toMatchObject({ log: 'failed', accepting: false });
    disk.free();
    await expect.poll(() => log.health().accepting, { timeout: 15_000 }).toBe(true);
    const after = new RecordedClient(connector, log);
    after.send('client', 'there is room again');
    await turn();
    after.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    for (const client of [...clients, after]) await expectLaw1(client);
    const report = await verifyStored(objects, connector, active.session);
    expect(report.manifest?.end.reason).toBe('log_failed');
    expect(faults()).toEqual(expect.arrayContaining(['log_failing', 'log_failed', 'log_recovered']));
    await log.close();
  });

  test('recordings are stored while the disk stays full, in the room set aside for that', async (context) => {
    const disk = smallDisk(context, 32);
    const limits = { pauseMs: 300, minFreeBytes: 12 * 1024 * 1024 };
    const { log } = await openLog(connector, directory, { store: store(), limits });
    const reserved = () => (existsSync(join(directory, 'reserve')) ? statSync(join(directory, 'reserve')).size : 0);
    await expect.poll(reserved, { timeout: 15_000 }).toBe(RESERVE_BYTES);
    await expect.poll(() => existsSync(join(directory, 'store.json')), { timeout: 15_000 }).toBe(true);
    const client = new RecordedClient(connector, log);
    client.send('client', 'while there is room');
    await turn();
    disk.fill();
    for (let i = 0; i < 64; i++) client.send('target', Buffer.alloc(4096, i));
    await expect.poll(() => client.failures.length, { timeout: 15_000 }).toBe(1);
    client.end('log_failed');
    expect((await log.drain(20_000)).drained).toBe(true);
    await expectLaw1(client);
    expect((await verifyStored(objects, connector, client.session)).manifest?.end.reason).toBe('log_failed');
    await expect.poll(() => log.health().disk, { timeout: 15_000 }).not.toBe('ok');
    expect(log.health().accepting).toBe(false);
    disk.free();
    await expect.poll(() => existsSync(join(directory, 'reserve')), { timeout: 15_000 }).toBe(true);
    await log.close();
  });

  test('new sessions are refused below the threshold, running ones end below half of it', async (context) => {
    const disk = smallDisk(context);
    const limits = { minFreeBytes: 2 * 1024 * 1024 };
    const { log, faults } = await openLog(connector, directory, { store: store(), limits });
    const client = new RecordedClient(connector, log);
    client.send('client', 'plenty of room');
    await turn();
    const { bavail, bsize } = statfsSync(directory);
    const bulk = join(directory, 'bulk');
    writeFileSync(bulk, Buffer.alloc(bavail * bsize - 1.5 * 1024 * 1024));
    await expect.poll(() => log.health().disk, { timeout: 15_000 }).toBe('low');
    expect(log.open(openedFact(connector.id, newId('ses')), () => {})).toMatchObject({ ok: false });
    client.send('client', 'still running');
    await turn();
    expect(client.deliveredBytes).toBe('plenty of roomstill running'.length);
    disk.fill();
    await expect.poll(() => client.failures.length, { timeout: 15_000 }).toBe(1);
    disk.free();
    rmSync(bulk);
    client.end('log_failed');
    await expect.poll(() => log.health().accepting, { timeout: 15_000 }).toBe(true);
    expect((await log.drain(20_000)).drained).toBe(true);
    await expectLaw1(client);
    expect((await verifyStored(objects, connector, client.session)).manifest?.end.reason).toBe('log_failed');
    expect(faults()).toEqual(expect.arrayContaining(['disk_low', 'disk_critical', 'disk_ok']));
    await log.close();
  });
});

test('a disk that is short of room gets it back from what is stored, though nothing is written', async () => {
  const MIB = 1024 * 1024;
  const storage = (walDirectory: string): WalStorage => ({
    ...nodeWalStorage(walDirectory),
    freeBytes: async () =>
      readdirSync(walDirectory).reduce((free, name) => free - statSync(join(walDirectory, name)).size, 3 * MIB),
  });
  const { log, faults } = await openLog(connector, directory, {
    store: store(),
    storage,
    limits: { minFreeBytes: 2 * MIB },
  });
  const client = new RecordedClient(connector, log);
  client.send('client', Buffer.alloc(1.25 * MIB, 'x'));
  await turn();
  client.end();
  await expect.poll(faults, { timeout: 15_000 }).toContain('disk_low');
  expect(log.health().accepting).toBe(false);
  await expect.poll(() => log.health().accepting, { timeout: 30_000 }).toBe(true);
  await expectLaw1(client);
  await log.close();
});

describe('law 1 on a disk that fails', () => {
  type Fault = 'none' | 'EIO' | 'half' | 'sync';
  /** A real disk behind, and in front of it whatever a test wants to go wrong. */
  function failingDisk(): { fault: Fault; storage: (directory: string) => WalStorage } {
    const disk = {
      fault: 'none' as Fault,
      storage: (walDirectory: string): WalStorage => {
        const real = nodeWalStorage(walDirectory);
        const error = (code: string, syscall: string) => Object.assign(new Error(code), { code, syscall });
        return {
          freeBytes: () => real.freeBytes(),
          create(number): WalFile {
            if (disk.fault !== 'none') throw error('EIO', 'open');
            const file = real.create(number);
            return {
              ...file,
              write(buffers, position) {
                if (disk.fault === 'EIO') throw error('EIO', 'pwritev');
                if (disk.fault !== 'half') return file.write(buffers, position);
                const all = Buffer.concat(buffers);
                return file.write([all.subarray(0, all.length >> 1)], position);
              },
              sync: () => (disk.fault === 'sync' ? Promise.reject(error('EIO', 'fdatasync')) : file.sync()),
              // A torn write that cannot even be cut back.
              truncate: (length) => (disk.fault === 'half' ? undefined : file.truncate(length)),
            };
          },
        };
      },
    };
    return disk;
  }

  test.each(['EIO', 'half'] as const)('for a moment (%s): nothing is lost, doubled or out of order', async (fault) => {
    const disk = failingDisk();
    const { log } = await openLog(connector, directory, { store: store(), storage: disk.storage });
    const client = new RecordedClient(connector, log);
    for (let i = 0; i < 30; i++) {
      disk.fault = i % 3 === 1 ? fault : 'none';
      const before = client.deliveredBytes;
      client.send('client', `message ${i};`);
      client.send('target', Buffer.alloc(i * 1000, i));
      await turn();
      if (disk.fault !== 'none') expect(client.deliveredBytes).toBe(before);
      disk.fault = 'none';
      await expect.poll(() => client.recorder.pendingBytes, { timeout: 15_000 }).toBe(0);
    }
    client.end();
    expect((await log.drain(20_000)).drained).toBe(true);
    await expectLaw1(client);
    const stored = readRecording(objects, connector, client.session);
    expect(stored.wire('client').toString()).toBe(Array.from({ length: 30 }, (_, i) => `message ${i};`).join(''));
    await log.close();
  });

  test.each(['EIO', 'half', 'sync'] as const)(
    'for good (%s): sessions end, and what was delivered is recorded',
    async (fault) => {
      const disk = failingDisk();
      const options = { store: store(), storage: disk.storage, limits: { pauseMs: 200, syncMs: 20 } };
      const { log } = await openLog(connector, directory, options);
      const client = new RecordedClient(connector, log);
      client.send('client', 'before');
      await turn();
      disk.fault = fault;
      client.send('target', 'after');
      const late = new RecordedClient(connector, log);
      await expect.poll(() => client.failures.length, { timeout: 15_000 }).toBe(1);
      client.send('target', 'much later');
      client.end('log_failed');
      late.end('log_failed');
      expect(client.recorder.neverLogged).toBe(false);
      // Whether its first frame was in the log before that could not be synced is a matter of the machine's load.
      if (fault !== 'sync') expect(late.recorder.neverLogged).toBe(true);
      await turn();
      if (fault !== 'sync') expect(client.delivered.target).toEqual([]);
      expect((await log.drain(20_000)).drained).toBe(true);
      await expectLaw1(client);
      disk.fault = 'none';
      await expect.poll(() => log.health().accepting, { timeout: 15_000 }).toBe(true);
      await log.close();
    },
  );
});

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

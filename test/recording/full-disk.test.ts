// Law 1 with real disks that are full, and with disks that fail.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, type TestContext } from 'vitest';
import { RESERVE_BYTES } from '../../connector/recording/archive/disk-reserve.ts';
import { nodeWalStorage, type WalFile, type WalStorage } from '../../connector/recording/wal/wal-file.ts';
import { newId } from '../../core/ids.ts';
import { openedFact, openLog, RecordedClient, readRecording, verifyStored } from '../harness/recording.ts';
import { connector, directory, expectLaw1, objects, store, turn, undo, withFolders } from './folders.ts';

withFolders();

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
        try {
          writeFileSync(filler, Buffer.alloc(bavail * bsize));
        } catch (error) {
          // The log took some of the room meanwhile, and what was left is taken.
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        }
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

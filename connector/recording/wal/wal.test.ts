import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openedFact, RecordedClient, testConnector } from '../../../test/harness/recording.ts';
import { newId } from '../../../core/ids.ts';
import { CommittedPosition } from './committed-position.ts';
import { nodeWalStorage, type WalStorage } from './wal-file.ts';
import { walFileName } from './wal-format.ts';
import { walFiles, WalReader } from './wal-reader.ts';
import { WriteAheadLog } from './wal.ts';

const connector = testConnector();
const turn = () => new Promise((resolve) => setImmediate(resolve));
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-wal-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function newLog(fileBytes = 64 * 1024 * 1024, storage: WalStorage = nodeWalStorage(directory)) {
  const committed = new CommittedPosition();
  const problems: string[] = [];
  const log = new WriteAheadLog({
    storage,
    firstFile: (walFiles(directory).at(-1) ?? 0) + 1,
    committed,
    clock: { monotonicUs: () => performance.now() * 1000 },
    limits: { fileBytes, fileAgeMs: 3_600_000, pauseMs: 1_000, syncMs: 20 },
    events: {
      failing: (message) => problems.push(message),
      recovered: () => problems.push('recovered'),
      failed: (message) => problems.push(message),
      endedUnlogged: () => problems.push('ended unlogged'),
      deliveryThrew: (error) => problems.push(String(error)),
    },
  });
  return { log, committed, problems };
}

/** Everything that can be read, as `session sequence: direction body`. */
function readAll(from: string, to?: { file: number; offset: number }) {
  const frames: string[] = [];
  const damaged: number[] = [];
  const slots = new Map<number, string>();
  const files = walFiles(from);
  const reader = new WalReader(from, files[0] ?? 1, {
    file: () => slots.clear(),
    session: (slot, id) => slots.set(slot, id),
    frame: (slot, sequence, bytes, start, end) =>
      frames.push(`${slots.get(slot)} ${sequence}: ${bytes[start + 8]} ${bytes.toString('latin1', start + 18, end)}`),
    original: (slot, sequence, number) => frames.push(`${slots.get(slot)} ${sequence}: piece ${number}`),
    damaged: (_file, offset) => damaged.push(offset),
  });
  const end = to ?? { file: (files.at(-1) ?? 0) + 1, offset: 0 };
  while (reader.step(end));
  reader.close();
  return { frames, damaged };
}

describe('the log', () => {
  test('gives back every frame of every session in order, across files', async () => {
    const { log, committed, problems } = newLog(20_000);
    const clients = Array.from({ length: 5 }, () => new RecordedClient(connector, log));
    const expected = new Map(clients.map(({ session }) => [session, [] as string[]]));
    for (let round = 0; round < 60; round++) {
      for (const { session, recorder } of clients) {
        const body = `${round} `.repeat((round * 37) % 900);
        recorder.bytes('target', 0, Buffer.from(body));
        if (body) expected.get(session)?.push(`2 ${body}`);
      }
      await turn();
    }
    const { frames, damaged } = readAll(directory, committed.read());
    expect(damaged).toEqual([]);
    for (const [session, bodies] of expected) {
      const read = frames.filter((frame) => frame.startsWith(session)).slice(1);
      expect(read).toEqual(bodies.map((body, i) => `${session} ${i + 1}: ${body}`));
    }
    expect(walFiles(directory).length).toBeGreaterThan(10);
    expect(problems).toEqual([]);
    await log.close();
  });

  test('commits a large batch before the turn ends, and delivers at its end only', async () => {
    const { log, committed } = newLog();
    const client = new RecordedClient(connector, log);
    const before = committed.read().offset;
    for (let i = 0; i < 3_000; i++) client.send('target', Buffer.alloc(1_000, i));
    expect(committed.read().offset).toBeGreaterThan(before + 2_000_000);
    expect(client.deliveredBytes).toBe(0);
    await turn();
    expect(client.deliveredBytes).toBe(3_000_000);
    await log.close();
  });

  test('keeps what came while it could not be written in as much memory as it takes, and loses none', async () => {
    let full = false;
    const disk = nodeWalStorage(directory);
    const { log, committed, problems } = newLog(undefined, {
      ...disk,
      create(number) {
        const file = disk.create(number);
        return { ...file, write: (buffers, position) => (full ? 0 : file.write(buffers, position)) };
      },
    });
    const clients = Array.from({ length: 400 }, () => new RecordedClient(connector, log));
    await turn();
    const before = process.memoryUsage().arrayBuffers;
    full = true;
    // A turn each, as from 400 sockets. An arena each would be 100 MiB.
    for (const client of clients) {
      client.send('target', 'x'.repeat(60));
      await turn();
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
    // More than one batch holds, then more of what is small.
    const [first] = clients;
    for (let i = 0; i < 3; i++) first?.send('target', Buffer.alloc(700_000, 'y'));
    for (const client of clients) client.send('client', 'z');
    full = false;
    await expect.poll(() => log.state).toBe('ready');
    for (const client of clients) expect(client.deliveredBytes).toBe(client === first ? 2_100_061 : 61);
    const { frames } = readAll(directory, committed.read());
    for (const { session } of clients)
      expect(
        frames.filter((frame) => frame.startsWith(session)).map((frame) => frame.replace(/.*: \d /, '').length),
      ).toEqual(
        session === first?.session
          ? [expect.any(Number), 60, 700_000, 700_000, 700_000, 1]
          : [expect.any(Number), 60, 1],
      );
    expect(problems.at(-1)).toBe('recovered');
    await log.close();
  });

  test('runs a delivery once a turn, in order of registration, with those of others', async () => {
    const { log } = newLog();
    const [a, b] = [new RecordedClient(connector, log), new RecordedClient(connector, log)];
    const ran: string[] = [];
    const delivery = (name: string) => ({ deliver: () => ran.push(name) });
    const [first, second, third] = [delivery('first'), delivery('second'), delivery('third')];
    a.recorder.afterCommit(first);
    b.recorder.afterCommit(second);
    a.recorder.afterCommit(third);
    a.recorder.afterCommit(first);
    await turn();
    expect(ran).toEqual(['first', 'second', 'third']);
    a.recorder.afterCommit(first);
    await turn();
    expect(ran).toEqual(['first', 'second', 'third', 'first']);
    await log.close();
  });

  test('ends the session whose deliver() throws, and carries on the others', async () => {
    const { log, problems } = newLog();
    const [bad, good] = [new RecordedClient(connector, log), new RecordedClient(connector, log)];
    bad.recorder.afterCommit({
      deliver: () => {
        throw new Error('a bug');
      },
    });
    good.send('client', 'goes on');
    await turn();
    expect(bad.failures).toHaveLength(1);
    expect(good.failures).toEqual([]);
    expect(problems).toEqual(['Error: a bug']);
    expect(good.deliveredBytes).toBe(7);
    await log.close();
  });

  test('gives frames their time in microseconds since the opening, never backwards', async () => {
    let nowUs = 5_000_000;
    const log = new WriteAheadLog({
      storage: nodeWalStorage(directory),
      firstFile: 1,
      committed: new CommittedPosition(),
      clock: { monotonicUs: () => nowUs },
      limits: { fileBytes: 1e6, fileAgeMs: 1e6, pauseMs: 1, syncMs: 1 },
      events: {} as never,
    });
    const opened = log.open(openedFact(connector.id, newId('ses')), () => {});
    if (!opened.ok) throw new Error('refused');
    expect(opened.value.elapsedUs()).toBe(0);
    nowUs += 1_234.4;
    expect(opened.value.elapsedUs()).toBe(1_234);
    nowUs -= 1_000;
    expect(opened.value.elapsedUs()).toBe(1_234);
    await log.close();
  });
});

describe('what is left of the log after a crash', () => {
  async function someLog(): Promise<{ file: string; bytes: Buffer; frames: string[] }> {
    const { log } = newLog();
    const clients = Array.from({ length: 3 }, () => new RecordedClient(connector, log));
    for (let round = 0; round < 12; round++) {
      for (const client of clients) client.send('client', `round ${round} `.repeat(round * 3));
      // A body that stands by itself, and one that looks like a batch.
      if (round === 5) clients[0]?.send('target', Buffer.alloc(10_000, 'GHWB'));
      await turn();
    }
    await log.close();
    const file = join(directory, walFileName(1));
    return { file, bytes: readFileSync(file), frames: readAll(directory).frames };
  }

  test('cut at any byte, it gives the frames of whole batches and no damage', async () => {
    const { file, bytes, frames } = await someLog();
    const copy = mkdtempSync(join(tmpdir(), 'gatehouse-wal-'));
    const target = join(copy, walFileName(1));
    for (let length = 0; length < bytes.length; length += length < 32 ? 5 : 61) {
      copyFileSync(file, target);
      truncateSync(target, length);
      // With what an earlier, longer write may have left behind it, or nothing.
      for (const rest of ['', 'GHWB and no batch'.repeat(200)]) {
        appendFileSync(target, rest);
        const read = readAll(copy);
        expect(read.frames).toEqual(frames.slice(0, read.frames.length));
        expect(read.damaged).toEqual([]);
      }
    }
    rmSync(copy, { recursive: true });
  });

  test('altered anywhere, it never gives a frame that was not written', async () => {
    const { bytes, frames } = await someLog();
    const copy = mkdtempSync(join(tmpdir(), 'gatehouse-wal-'));
    const written = new Set(frames);
    fc.assert(
      fc.property(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.integer({ min: 1, max: 40 }),
        (at, mask, count) => {
          // The version byte is another test's.
          if (at <= 7 && at + count > 7) return;
          const altered = Buffer.from(bytes);
          for (let i = at; i < Math.min(at + count, altered.length); i++) altered[i] = (altered[i] ?? 0) ^ mask;
          writeFileSync(join(copy, walFileName(1)), altered);
          const read = readAll(copy);
          for (const frame of read.frames) expect(written.has(frame)).toBe(true);
          if (read.frames.length === frames.length) return;
          // What follows a hole is read again, except behind the last batch.
          if (read.damaged.length === 0) expect(read.frames).toEqual(frames.slice(0, read.frames.length));
          else expect(read.frames.at(-1)).toBe(frames.at(-1));
        },
      ),
      { numRuns: 300 },
    );
    rmSync(copy, { recursive: true });
  });

  test('a file of a later release is refused, not passed over', async () => {
    const { file, bytes } = await someLog();
    bytes[7] = 3;
    writeFileSync(file, bytes);
    expect(() => readAll(directory)).toThrow('later release');
  });

  test('a file of an earlier release is read', async () => {
    const { file, bytes } = await someLog();
    const { frames } = readAll(directory);
    bytes[7] = 1;
    writeFileSync(file, bytes);
    expect(readAll(directory).frames).toEqual(frames);
  });

  test('files of many runs and numbers that were never used are read in order', async () => {
    for (const number of [1, 2, 5, 9]) {
      writeFileSync(join(directory, walFileName(number - 1 === 0 ? 1 : number - 1)), '');
      const { log } = newLog();
      const client = new RecordedClient(connector, log);
      client.send('client', `file ${number}`);
      await turn();
      await log.close();
    }
    rmSync(join(directory, walFileName(4)));
    const { frames, damaged } = readAll(directory);
    expect(frames.flatMap((frame) => frame.match(/file \d$/) ?? [])).toEqual(['file 1', 'file 2', 'file 5', 'file 9']);
    expect(damaged).toEqual([]);
    expect(readdirSync(directory).length).toBeGreaterThan(4);
  });
});

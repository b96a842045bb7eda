// What the archiver makes of what an earlier process left.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { newId, type SessionId } from '../../../core/ids.ts';
import { RecordedClient, testConnector } from '../../../test/harness/recording.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { CommittedPosition } from '../wal/committed-position.ts';
import { nodeWalStorage } from '../wal/wal-file.ts';
import { walFileName } from '../wal/wal-format.ts';
import { WriteAheadLog } from '../wal/wal.ts';
import { Archiver } from './archiver.ts';

let directory = '';
const running: { archiver: Archiver; run: Promise<void> }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-archiver-'));
  mkdirSync(join(directory, 'wal'));
});
afterEach(async () => {
  for (const { archiver, run } of running.splice(0)) {
    await archiver.close();
    await run;
  }
  rmSync(directory, { recursive: true, force: true });
});

/** The first log file, with a session in it. */
async function writtenLog(): Promise<SessionId> {
  const log = new WriteAheadLog({
    storage: nodeWalStorage(join(directory, 'wal')),
    firstFile: 1,
    committed: new CommittedPosition(),
    clock: { monotonicUs: () => performance.now() * 1000 },
    limits: { fileBytes: 1_000_000, fileAgeMs: 3_600_000, pauseMs: 1_000, syncMs: 20 },
    events: {
      failing: () => {},
      recovered: () => {},
      failed: () => {},
      endedUnlogged: () => {},
      deliveryThrew: () => {},
    },
  });
  const { session } = new RecordedClient(testConnector(), log);
  await log.close();
  return session;
}

/** Begins behind the first log file. Resolves with the sessions of `opening` of which it finds nothing. */
function unbegunOf(opening: readonly SessionId[]): Promise<readonly SessionId[]> {
  return new Promise((resolve) => {
    const archiver = new Archiver({
      directory,
      connector: { id: newId('con'), name: 'test', build: 'test' },
      signer: () => ({ publicKey: '', sign: () => new Uint8Array(), check: () => {} }) as never,
      store: { announced: true, close: async () => {} } as ObjectStore,
      defaultRetainDays: 1,
      concurrency: 1,
      backOff: { firstMs: 1_000, longestMs: 1_000 },
      committed: () => ({ file: 2, offset: 0 }),
      firstFile: 2,
      live: new Set(),
      opening,
      now: Date.now,
      random: Math.random,
      onReport: () => {},
      onRecovered: resolve,
      onFinished: () => {},
    });
    running.push({ archiver, run: archiver.run() });
  });
}

it('one that is stored already, and of which the log is let go, did begin', async () => {
  const session = await writtenLog();
  const never = newId('ses');
  writeFileSync(join(directory, 'done'), `${session} 1\n`);
  expect(await unbegunOf([session, never])).toEqual([never]);
  await expect.poll(() => existsSync(join(directory, 'wal', walFileName(1)))).toBe(false);
});

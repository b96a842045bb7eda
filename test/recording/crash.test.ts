// kill -9 in mid-session, and the next start.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SessionId } from '../../core/ids.ts';
import { objectNames, openLog, readRecording, testConnector, verifyStored } from '../harness/recording.ts';
import { SOAK } from '../harness/soak.ts';

const connector = testConnector();
let place = '';
let directory = '';
let objects = '';
let delivered = '';
let child: ChildProcess | undefined;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'gatehouse-crash-'));
  directory = join(place, 'connector');
  objects = join(place, 'objects');
  delivered = join(place, 'delivered');
  writeFileSync(join(place, 'key.pem'), connector.key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(place, { recursive: true, force: true });
});

function startChild(walFileKiB = 512): ChildProcess {
  const script = new URL('./crash-child.ts', import.meta.url).pathname;
  const args = [script, directory, objects, connector.id, join(place, 'key.pem'), delivered, String(walFileKiB)];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  return child;
}

/** Whole ones: the file is there before what it says. */
const lines = (): string[] => (existsSync(delivered) ? readFileSync(delivered, 'utf8').split('\n').slice(0, -1) : []);

/** Lets the child work until `ready`, then kills it without a word. */
async function runAndKill(ready: () => boolean, walFileKiB = 512): Promise<void> {
  const started = startChild(walFileKiB);
  await expect.poll(ready, { timeout: 30_000, interval: 5 }).toBe(true);
  const gone = new Promise((resolve) => started.once('exit', resolve));
  started.kill('SIGKILL');
  await gone;
}

/** What had been delivered when the child was killed, by session. */
function deliveredCounts(): { session: SessionId; client: number; target: number }[] {
  const words = (lines().findLast((line) => line.split(' ').length === 12) ?? '').split(' ');
  return [0, 3, 6, 9].map((at) => ({
    session: SessionId.parse(words[at]),
    client: Number(words[at + 1]),
    target: Number(words[at + 2]),
  }));
}

async function expectAllRecorded(): Promise<void> {
  for (const { session, client, target } of deliveredCounts()) {
    const report = await verifyStored(objects, connector, session);
    expect(report.faults).toEqual([]);
    expect(report.manifest?.end.reason).toBe('connector_crashed');
    expect(report.manifest?.coverage.lanes).toMatchObject({ count: 1, last: 0, recorded: 'full', exceptions: [] });
    const stored = readRecording(objects, connector, session);
    expect(stored.wire('client').length).toBeGreaterThanOrEqual(client);
    expect(stored.wire('target').length).toBeGreaterThanOrEqual(target);
    const said = stored.wire('client').toString();
    const which = said.match(/of session (\d);/)?.[1];
    expect(said).toBe(
      Array.from({ length: said.split(';').length - 1 }, (_, round) => `round ${round} of session ${which};`).join(''),
    );
  }
}

describe('a connector that is killed in mid-session', () => {
  test.each(SOAK ? [1, 60, 400] : [1, 60])(
    'after %i rounds: every byte that was delivered is in a recording that verifies',
    async (rounds) => {
      await runAndKill(() => lines().length >= rounds);
      const { log, faults, reports } = await openLog(connector, directory, {
        store: { kind: 'directory', root: objects },
      });
      expect((await log.drain(60_000)).drained).toBe(true);
      await expectAllRecorded();
      expect(faults()).toEqual(['sessions_recovered']);
      // The edge hears of their end from here, and before their manifests.
      const kinds = reports.flatMap((report) => ('session' in report ? [`${report.kind} ${report.session}`] : []));
      for (const { session } of deliveredCounts()) {
        expect(kinds.filter((kind) => kind === `session.ended ${session}`)).toHaveLength(1);
        expect(kinds.indexOf(`session.ended ${session}`)).toBeLessThan(kinds.indexOf(`manifest.stored ${session}`));
      }
      await expect.poll(() => readdirSync(join(directory, 'wal')).length, { timeout: 15_000 }).toBe(1);
      expect(readdirSync(join(directory, 'sessions'))).toEqual([]);
      await log.close();
    },
  );

  test('after it has stored part of its sessions: the rest joins on', async () => {
    await runAndKill(() => existsSync(join(objects, 'recordings', connector.id)) && stored() >= 8);
    const before = stored();
    const { log } = await openLog(connector, directory, { store: { kind: 'directory', root: objects } });
    expect((await log.drain(60_000)).drained).toBe(true);
    expect(stored()).toBeGreaterThan(before);
    await expectAllRecorded();
    await log.close();
  });

  test('again and again while it recovers', async () => {
    await runAndKill(() => lines().length >= 60);
    const first = deliveredCounts();
    for (const waitMs of [1, 30, 120]) {
      const restarted = startChild();
      await new Promise((resolve) => setTimeout(resolve, 300 + waitMs));
      const gone = new Promise((resolve) => restarted.once('exit', resolve));
      restarted.kill('SIGKILL');
      await gone;
    }
    const { log } = await openLog(connector, directory, { store: { kind: 'directory', root: objects } });
    expect((await log.drain(60_000)).drained).toBe(true);
    for (const { session, client } of first) {
      expect((await verifyStored(objects, connector, session)).faults).toEqual([]);
      expect(readRecording(objects, connector, session).wire('client').length).toBeGreaterThanOrEqual(client);
    }
    await log.close();
  });
});

describe('what a machine’s crash can leave of the log', () => {
  const newest = (): string => join(directory, 'wal', readdirSync(join(directory, 'wal')).sort().at(-1) ?? '');

  test('a torn tail is cut: what is before it is whole', async () => {
    await runAndKill(() => lines().length >= 60, 65_536);
    const file = newest();
    truncateSync(file, statSync(file).size - 11);
    appendFileSync(file, Buffer.alloc(5_000, 'GHWB torn'));
    const { log, faults } = await openLog(connector, directory, { store: { kind: 'directory', root: objects } });
    expect((await log.drain(60_000)).drained).toBe(true);
    for (const { session } of deliveredCounts()) {
      const report = await verifyStored(objects, connector, session);
      expect(report).toMatchObject({ proven: true, manifest: { end: { reason: 'connector_crashed' } } });
    }
    expect(faults()).toEqual(['sessions_recovered']);
    await log.close();
  });

  test('a hole in the middle is reported, and the recordings say that they are partial', async () => {
    await runAndKill(() => lines().length >= 30, 65_536);
    const file = newest();
    const bytes = readFileSync(file);
    // Near the end: what is older may stand in a segment already, and is not lost then.
    const hole = Math.floor(bytes.length * 0.9);
    bytes.fill(0, hole, hole + 100);
    writeFileSync(file, bytes);
    const { log, faults } = await openLog(connector, directory, { store: { kind: 'directory', root: objects } });
    expect((await log.drain(60_000)).drained).toBe(true);
    const partial = [];
    for (const { session } of deliveredCounts()) {
      const report = await verifyStored(objects, connector, session);
      expect(report.faults).toEqual([]);
      partial.push(report.manifest?.coverage.lanes.recorded);
    }
    expect(faults()).toContain('log_damaged');
    expect(partial).toContain('partial');
    await log.close();
  });
});

const stored = (): number =>
  readdirSync(join(objects, 'recordings', connector.id)).reduce(
    (sum, session) => sum + objectNames(objects, connector, SessionId.parse(session)).length,
    0,
  );

// Somebody with full control over bucket and catalogue, and somebody with a connector's key as well: what they change is
// found and named, with the edge (`verify --all`) and from a copy of the bucket alone (`verify --dir`).

import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditEntry, type AuditEvent, chainAuditEntry } from '../../core/audit/audit.ts';
import { encodeAuditPiece } from '../../core/audit/audit-archive.ts';
import { newId } from '../../core/ids.ts';
import { decodeManifest, type Manifest } from '../../core/recording/manifest.ts';
import { decodeSegment, encodeSegment, manifestKey, segmentKey } from '../../core/recording/segment.ts';
import { bundleName, checkpointName, encodeBundle, LOG_PREFIX } from '../../core/tlog/log-archive.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import {
  answer,
  type ConnectorIdentity,
  newConnector,
  RecordingBuilder,
  sealManifest,
} from '../harness/recording-builder.ts';
import { ProofArchive, SessionLog } from './proof-archive.ts';

const [ours, second, stranger] = [newConnector(), newConnector(), newConnector()];

function recording(connector: ConnectorIdentity, ...statements: string[]): RecordingBuilder {
  const builder = new RecordingBuilder({ connector, reason: 'month end', task: 'T-1' });
  for (const text of statements) builder.query(text, answer(['n'], [['1']])).cut();
  return builder.end();
}

const [victim, neighbour, foreign] = [
  recording(ours, 'select salary from staff', 'delete from invoices', 'select 3'),
  recording(ours, 'select 1', 'select 2', 'select 3'),
  recording(second, 'select 1', 'select 2', 'select 3'),
];

let archive: ProofArchive;
beforeAll(async () => {
  archive = await ProofArchive.start();
  await archive.add(victim, neighbour, foreign);
  await archive.keep();
});
afterAll(() => archive?.close());

const segment = (number: number, of = victim): string => segmentKey(of.connector.id, of.session, number);
const manifest = (of = victim): string => manifestKey(of.connector.id, of.session);
const folder = (of = victim): string => `recordings/${of.connector.id}/${of.session}`;
const bytesOf = (key: string): Uint8Array => {
  const bytes = [victim, neighbour, foreign].map(({ objects }) => objects.get(key)).find((found) => found);
  if (!bytes) throw new Error(`there is no ${key}`);
  return Uint8Array.from(bytes);
};
const put = (key: string, bytes: Uint8Array) => archive.put(key, bytes);
const manifestOf = (of = victim): Manifest => decodeManifest(bytesOf(manifest(of)), nodeRecordingPlatform).manifest;

function flipped(key: string, at: (length: number) => number): Promise<void> {
  const bytes = bytesOf(key);
  const index = at(bytes.length);
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return put(key, bytes);
}

/** The same session told otherwise, by whoever holds its connector's key: a chain, counts and a signature that hold. */
async function retold(...statements: string[]): Promise<RecordingBuilder> {
  const builder = new RecordingBuilder({ connector: ours, session: victim.session, reason: 'month end', task: 'T-1' });
  Object.assign(builder.opened, victim.opened);
  builder.rawOpening({});
  for (const text of statements) builder.query(text, answer(['n'], [['1']])).cut();
  builder.end();
  await archive.remove(folder());
  await builder.writeTo(archive.bucket);
  return builder;
}

/** The victim's manifest, changed and signed. */
const resign = (change: (of: Manifest) => object, by: ConnectorIdentity = ours): Promise<void> => {
  const before = manifestOf();
  const connector = { ...before.connector, key: Buffer.from(by.publicKey).toString('base64url') };
  return put(manifest(), sealManifest({ ...before, connector, ...change(before) }, by));
};

async function changeRow(change: (row: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const [row] = (await archive.rows()).filter(({ pk, sk }) => pk === `session#${victim.session}` && sk === 'session');
  if (!row) throw new Error('the session has no row');
  await archive.putRow(change(row));
}
const changeIn = (attribute: string, change: object) =>
  changeRow((row) => ({ ...row, [attribute]: { ...(row[attribute] as object), ...change } }));

async function removeRows(): Promise<void> {
  for (const row of await archive.rows()) if (row.pk === `session#${victim.session}`) await archive.deleteRow(row);
}

interface Change {
  readonly what: string;
  readonly make: () => Promise<unknown>;
  /** What the answer must say. `nothing`: there it cannot be seen, and is no fault. */
  readonly online: RegExp | 'nothing';
  readonly offline: RegExp | 'nothing';
  /** Offline it takes a checkpoint that somebody has taken away in time. */
  readonly kept?: true;
}

const damaged = /00000001\.seg: the object was altered or damaged/;
const missing = /00000001\.seg: segment 1 is missing/;
const unlisted = /00000004\.seg: 00000004\.seg is no part of this recording/;
const whole = { online: /\.seg is not there|manifest is not there|there is no manifest/, offline: /not in this copy/ };

const OF_BUCKET: readonly Change[] = [
  {
    what: 'the first byte of a segment flipped',
    make: () => flipped(segment(1), () => 0),
    online: damaged,
    offline: damaged,
  },
  {
    what: 'a byte in the middle of a segment flipped',
    make: () => flipped(segment(1), (length) => length >> 1),
    online: damaged,
    offline: damaged,
  },
  {
    what: 'the last byte of a segment flipped',
    make: () => flipped(segment(1), (length) => length - 1),
    online: damaged,
    offline: damaged,
  },
  {
    what: 'a segment cut',
    make: () => put(segment(1), bytesOf(segment(1)).subarray(0, -40)),
    online: damaged,
    offline: damaged,
  },
  { what: 'a segment emptied', make: () => put(segment(1), new Uint8Array()), online: damaged, offline: damaged },
  {
    what: 'a segment made longer',
    make: () => put(segment(1), Buffer.concat([bytesOf(segment(1)), Buffer.from('x')])),
    online: damaged,
    offline: damaged,
  },
  { what: 'a segment deleted', make: () => archive.remove(segment(1)), online: missing, offline: missing },
  {
    what: 'the last segment deleted',
    make: () => archive.remove(segment(3)),
    online: /segment 3 is missing/,
    offline: /segment 3 is missing/,
  },
  {
    what: 'a segment stored twice',
    make: () => put(segment(4), bytesOf(segment(1))),
    online: unlisted,
    offline: unlisted,
  },
  {
    what: 'two segments exchanged',
    make: async () => {
      await put(segment(1), bytesOf(segment(2)));
      await put(segment(2), bytesOf(segment(1)));
    },
    online: /is segment 2 in the place of segment 1/,
    offline: /is segment 2 in the place of segment 1/,
  },
  {
    what: "another session's segment in the place of one",
    make: () => put(segment(1), bytesOf(segment(1, neighbour))),
    online: /a segment of another session/,
    offline: /a segment of another session/,
  },
  {
    what: "another connector's segment in the place of one",
    make: () => put(segment(1), bytesOf(segment(1, foreign))),
    online: /a segment of another/,
    offline: /a segment of another/,
  },
  {
    what: 'a segment compressed otherwise, with the same frames',
    make: () => {
      const { header, block } = decodeSegment(bytesOf(segment(1)), nodeRecordingPlatform);
      const level = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 };
      const platform = {
        ...nodeRecordingPlatform,
        zstdCompress: (data: Uint8Array) => zstdCompressSync(data, { params: level }),
      };
      return put(segment(1), encodeSegment(header, block, platform).bytes);
    },
    online: /00000001\.seg: segment 1 is not the one that the manifest lists/,
    offline: /00000001\.seg: segment 1 is not the one that the manifest lists/,
  },
  {
    what: 'an object that is no part of it added',
    make: () => put(segment(4), new Uint8Array(9)),
    online: unlisted,
    offline: unlisted,
  },
  {
    what: 'the manifest deleted',
    make: () => archive.remove(manifest()),
    online: /there is no manifest/,
    offline: /there is no manifest/,
  },
  {
    what: 'the manifest emptied',
    make: () => put(manifest(), new Uint8Array()),
    online: /manifest was altered/,
    offline: /manifest was altered/,
  },
  {
    what: 'a byte of the manifest flipped',
    make: () => flipped(manifest(), (length) => length >> 1),
    online: /manifest was altered/,
    offline: /manifest was altered/,
  },
  {
    what: "another session's manifest",
    make: () => put(manifest(), bytesOf(manifest(neighbour))),
    online: /manifest is of another session/,
    offline: /manifest is of another session/,
  },
  {
    what: 'the manifest signed with another key',
    make: () => resign(() => ({}), stranger),
    online: /not the connector’s registered key/,
    offline: /not the connector’s registered key/,
  },
  {
    what: "the manifest signed with another connector's key",
    make: () => resign(() => ({}), second),
    online: /not the connector’s registered key/,
    offline: /the manifest is not the one in the log/,
  },
  { what: 'a session removed', make: () => archive.remove(folder()), ...whole },
  {
    what: 'a session removed together with its rows',
    make: () => Promise.all([archive.remove(folder()), removeRows()]),
    ...whole,
  },
  {
    what: 'all sessions of a connector removed',
    make: () => archive.remove(`recordings/${ours.id}`),
    ...whole,
  },
  {
    what: 'a session under another id',
    make: () => rename(join(archive.bucket, folder()), join(archive.bucket, `recordings/${ours.id}/${newId('ses')}`)),
    online: /there is no manifest/,
    offline: /the manifest is of another session/,
  },
  {
    what: 'a session under another connector',
    make: async () => {
      await mkdir(join(archive.bucket, `recordings/${second.id}`), { recursive: true });
      await rename(join(archive.bucket, folder()), join(archive.bucket, `recordings/${second.id}/${victim.session}`));
    },
    online: /there is no manifest/,
    offline: /the manifest is of another connector/,
  },
  {
    what: 'a session copied under another connector',
    make: () =>
      cp(join(archive.bucket, folder()), join(archive.bucket, `recordings/${second.id}/${victim.session}`), {
        recursive: true,
      }),
    online: 'nothing',
    offline: /the manifest is of another connector/,
  },
  {
    what: 'a session that never was, with its row',
    make: async () => {
      const made = recording(ours, 'select 1');
      await made.writeTo(archive.bucket);
      await archive.index(made);
    },
    online: /the edge never admitted this session/,
    offline: /the log does not have that it was opened; the log is about a minute behind, so copy it again/,
  },
];

const row = (fields: string): RegExp => new RegExp(`catalogue: its row tells ${fields} otherwise`);
const OF_CATALOGUE: readonly Change[] = [
  {
    what: 'whose it is',
    make: () => changeIn('opened', { email: 'mallory@example.com' }),
    online: /catalogue: its row tells .*email.* otherwise/,
  },
  {
    what: 'what it was on',
    make: () => changeIn('opened', { resource: 'other' }),
    online: /catalogue: its row tells .*resource.* otherwise/,
  },
  { what: 'its rule', make: () => changeIn('opened', { rule: 'lax' }), online: row('rule') },
  { what: 'its reason', make: () => changeIn('opened', { reason: 'another' }), online: row('reason') },
  {
    what: 'its counts',
    make: () => changeIn('ended', { counts: { ...manifestOf().counts, statements: 1 } }),
    online: row('counts'),
  },
  { what: 'how many segments it has', make: () => changeIn('ended', { segments: 1 }), online: row('segments') },
  {
    what: 'how it ended',
    make: () => changeIn('ended', { end: { reason: 'client_closed', message: 'x' } }),
    online: row('end'),
  },
  {
    what: 'when it ended',
    make: () => changeIn('ended', { endedAt: '2026-11-21T00:00:00.000Z' }),
    online: row('endedAt'),
  },
  {
    what: 'its verdict, from sealed to broken',
    make: () => changeIn('verdict', { state: 'broken', fault: 'lost' }),
    online: /catalogue: its row says that the recording is broken/,
  },
  {
    what: 'its verdict, which is gone',
    make: () => changeRow(({ verdict: _, ...rest }) => rest),
    online: /catalogue: its row has it as ended/,
  },
  {
    what: 'its connector',
    make: () =>
      changeRow((found) => ({
        ...found,
        connector: second.id,
        opened: { ...(found.opened as object), connector: second.id },
      })),
    online: /catalogue: its row tells .*connector.* otherwise/,
  },
  {
    what: 'the lists that show it',
    make: () => changeRow((found) => ({ ...found, email: 'mallory@example.com' })),
    online: row('index'),
  },
  {
    what: 'all of it, into what no indexer wrote',
    make: () => changeRow(({ pk, sk }) => ({ pk, sk, connector: 7 })),
    online: /catalogue: its row is none that an indexer wrote/,
  },
  { what: 'nothing: it has no rows any more', make: removeRows, online: /catalogue: it has no row/ },
].map((one) => ({ ...one, offline: 'nothing' as const }));

const newest = LOG_PREFIX + checkpointName(6);
const entries = LOG_PREFIX + bundleName(0, 6);
const altered = async (change: (of: string[]) => string[]) =>
  archive.put(entries, encodeBundle(change([...archive.log.entries])));
const rolledBack = async () => {
  await archive.remove('log');
  for (const [key, bytes] of await archive.log.objects(4)) await archive.put(key, bytes);
  await archive.remove(folder(foreign));
};

const OF_LOG: readonly Change[] = [
  {
    what: 'an entry changed',
    make: () => altered(([first = '', ...rest]) => [`${first.slice(0, -1)}${first.endsWith('0') ? 1 : 0}`, ...rest]),
    offline: /its entries are not those of its checkpoint/,
  },
  {
    what: 'two entries exchanged',
    make: () => altered(([a = '', b = '', ...rest]) => [b, a, ...rest]),
    offline: /its entries are not those of its checkpoint/,
  },
  { what: 'an entry removed', make: () => altered((all) => all.slice(1)), offline: /has 5 entries, not 6/ },
  {
    what: 'the end of the entries cut off',
    make: async () => archive.put(entries, encodeBundle(archive.log.entries).subarray(0, -9)),
    offline: /it ends within an entry/,
  },
  { what: 'the entries removed', make: () => archive.remove(entries), offline: /is not there/ },
  { what: 'the checkpoint removed', make: () => archive.remove(newest), offline: /holds no log/ },
  { what: 'the log removed', make: () => archive.remove('log'), offline: /holds no log/ },
  {
    what: 'the checkpoint with another size',
    make: async () => archive.put(newest, (await archive.log.checkpoint()).replace('\n6\n', '\n5\n')),
    offline: /signature of .* is not by its key/,
  },
  {
    what: 'the checkpoint of an earlier tree under the name of a later',
    make: async () => archive.put(newest, await archive.log.checkpoint(4)),
    offline: /is the checkpoint of 4 entries/,
  },
  {
    what: 'the checkpoint and the entries of another log',
    make: async () => {
      const other = await SessionLog.called('gatehouse.test/sessions');
      for (const builder of [victim, neighbour, foreign]) await other.addSession(builder);
      for (const [key, bytes] of await other.objects()) await archive.put(key, bytes);
    },
    offline: /no log that is trusted signed the checkpoint/,
  },
  {
    what: 'a pipe in the place of the checkpoint, which a reader would wait for',
    make: async () => {
      await archive.remove(newest);
      execFileSync('mkfifo', [join(archive.bucket, newest)]);
    },
    offline: /it is no file/,
  },
  {
    what: 'the log rolled back, and the sessions since removed',
    make: rolledBack,
    offline: /it was rolled back/,
    kept: true as const,
  },
].map((one) => ({ online: /.*/ as RegExp | 'nothing', ...one }));

const OF_CONNECTOR: readonly Change[] = [
  {
    what: 'the session told anew, with a statement left out',
    make: () => retold('select salary from staff', 'select 3'),
    online: /the manifest is not the one that was witnessed/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'the session told anew, with a statement that never was',
    make: () => retold('select salary from staff', 'delete from invoices', 'select 3', 'drop table staff'),
    online: /the manifest is not the one that was witnessed/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'the session told anew and indexed, so that the catalogue agrees',
    make: async () => archive.index(await retold('select 3')),
    online: /was witnessed at .* and the manifest ends before it/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'the manifest signed anew, with other words about its end',
    make: () => resign(({ end }) => ({ end: { ...end, message: 'another' } })),
    online: /the manifest is not the one that was witnessed/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'the manifest signed anew, as of a person of another name',
    make: () =>
      resign(({ opened }) => ({
        opened: { ...opened, identity: { ...opened?.identity, email: 'mallory@example.com' } },
      })),
    online: /the manifest is not the one that was witnessed/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'the tail cut off, with a manifest that ends before it',
    make: async () => {
      await archive.remove(segment(3));
      await resign(({ segments }) => ({ segments: segments.slice(0, 3) }));
    },
    online: /was witnessed at .* and the manifest ends before it/,
    offline: /the manifest is not the one in the log/,
  },
  {
    what: 'a session that never was, signed as all others',
    make: async () => {
      const made = recording(ours, 'select 1');
      await made.writeTo(archive.bucket);
      await archive.index(made);
    },
    online: /the edge never admitted this session/,
    offline: /the log does not have that it was opened; the log is about a minute behind, so copy it again/,
  },
];

async function found({ make, online, offline, kept }: Change): Promise<void> {
  try {
    await make();
    const withEdge = await archive.verifyOnline();
    if (online === 'nothing')
      expect([withEdge.code, withEdge.stdout]).toEqual([0, expect.stringContaining('All 3 proven.')]);
    else if (online.source !== '.*')
      expect([withEdge.code, withEdge.stdout]).toEqual([1, expect.stringMatching(online)]);
    const alone = await archive.verifyCopy(...(kept ? archive.keptCheckpoint : []));
    if (offline === 'nothing')
      expect([alone.code, alone.stdout]).toEqual([0, expect.stringContaining('All 3 proven.')]);
    else expect([alone.code, alone.stdout]).toEqual([1, expect.stringMatching(offline)]);
  } finally {
    await archive.restore();
  }
}

describe('the archive as it is', () => {
  it('is proven, with the edge and from the bucket alone', async () => {
    for (const { code, stdout } of [await archive.verifyOnline(), await archive.verifyCopy(...archive.keptCheckpoint)])
      expect([code, stdout]).toEqual([0, expect.stringContaining('All 3 proven.')]);
    expect((await readdir(archive.bucket)).toSorted()).toEqual(['log', 'recordings']);
  });
});

describe('whoever controls the bucket changes', () => {
  it.each(OF_BUCKET)('$what', found);
});
describe('whoever controls the catalogue changes of a session', () => {
  it.each(OF_CATALOGUE)('$what', found);
});
describe('whoever controls the copy of the log changes', () => {
  it.each(OF_LOG)('$what', found);
});
describe("whoever has the connector's key as well changes", () => {
  it.each(OF_CONNECTOR)('$what', found);
});

describe('whoever forges the mark of a purge as well, after a session was deleted', () => {
  const offline = async () => (await archive.verifyCopy()).stdout;
  const export_ = async (...events: readonly AuditEvent[]) => {
    const entries: AuditEntry[] = [];
    for (const event of events) entries.push(await chainAuditEntry(entries.at(-1), event, '2026-11-20T12:30:00.000Z'));
    const { name, bytes } = encodeAuditPiece(entries);
    await put(`audit/${name}`, bytes);
    return entries;
  };
  const order = (of: RecordingBuilder): AuditEvent => ({
    ...{ kind: 'purge.ordered', actor: 'gatehouse', object: of.session, details: { mode: 'due' } },
  });
  const withMark = async (audit: number, check: () => Promise<void>) => {
    const undo = archive.forgePurge(victim.session, audit);
    try {
      await archive.remove(folder());
      await removeRows();
      await check();
    } finally {
      undo();
      archive.audit.splice(0);
      await archive.restore();
    }
  };

  it('is found: the audit log has no such entry, or one of another session', async () => {
    const rows = (await archive.rows()).filter(({ pk }) => pk === `session#${victim.session}`);
    await withMark(1, async () => {
      const online = await archive.verifyOnline();
      expect([online.code, online.stdout]).toEqual([1, expect.stringContaining('which the log does not have')]);
      archive.audit.push(...(await export_(order(neighbour))));
      const other = await archive.verifyOnline();
      expect([other.code, other.stdout]).toEqual([1, expect.stringContaining('orders the purge of another session')]);
      expect(other.stdout).toContain('purge_not_ordered');
      archive.audit.splice(0, 1, ...(await export_(order(victim))));
      const real = await archive.verifyOnline();
      expect([real.code, real.stdout]).toEqual([0, expect.stringContaining('proven: purged')]);
      // A list that shows it all the same is wrong.
      for (const row of rows) await archive.putRow(row);
      expect((await archive.verifyOnline()).stdout).toContain('its row lists a session that was purged');
    });
  });

  it('of a copy is told what its export of the audit log says, which proves nothing', () =>
    withMark(1, async () => {
      expect(await offline()).toContain('whether it was purged was not checked: the audit log');
      await export_(order(neighbour));
      expect(await offline()).toContain('has no order to purge it');
      await export_(order(victim));
      const { code, stdout } = await archive.verifyCopy();
      expect([code, stdout]).toEqual([1, expect.stringContaining('its purge was ordered (entry 1, 2026-11-20T12:30')]);
      expect(stdout).toContain('which only the edge proves');
      const [piece = ''] = await readdir(join(archive.bucket, 'audit'));
      const text = await readFile(join(archive.bucket, 'audit', piece), 'utf8');
      await archive.put(`audit/${piece}`, text.replace('"due"', '"old"'));
      expect(await offline()).toContain('cannot be told: the audit log');
    }));
});

describe('a report to keep', () => {
  it('is one page without a network and a file for machines; names of strangers are no markup in it', async () => {
    const hostile = new RecordingBuilder({ connector: ours, exempt: '"><img src=x onerror=alert(1)>' }).end();
    await hostile.writeTo(archive.bucket);
    await archive.put('recordings/<script>alert(2)</script>/00000000.seg', 'x');
    const page = join(archive.bucket, '..', 'report.html');
    try {
      const { code } = await archive.verifyCopy('--report', page);
      const [html, machines] = await Promise.all([
        readFile(page, 'utf8'),
        readFile(page.replace('.html', '.json'), 'utf8'),
      ]);
      expect(code).toBe(1);
      expect(html).toContain("default-src 'none'");
      expect(html).not.toMatch(/<script|<img|https?:/);
      expect(html).toContain('&lt;script&gt;alert(2)&lt;/script&gt;');
      expect(html).toContain('by policy: &quot;&gt;&lt;img src=x onerror=alert(1)&gt;');
      expect(html).toContain(victim.session);
      expect(html).toContain('6 entries, root ');
      expect(html).toContain(Buffer.from(ours.publicKey).toString('base64url'));
      const { proven, sessions, unproven, checkpoint } = JSON.parse(machines);
      expect([proven, sessions.length, unproven.length]).toEqual([false, 4, 1]);
      expect(checkpoint).toBe(await archive.log.checkpoint());
    } finally {
      await archive.restore();
    }
    const online = await archive.verifyOnline('--report', page);
    expect([online.code, await readFile(page, 'utf8')]).toEqual([0, expect.stringContaining('<span>3 proven</span>')]);
    expect((await archive.verifyOnline('--report', 'report.txt')).code).toBe(2);
  });
});

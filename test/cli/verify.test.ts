// gatehouse verify: what it proves, what it names as unproven, and its exit codes.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AuditEntry, type AuditEvent, chainAuditEntry } from '../../core/audit/audit.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import { NOTHING_COUNTED } from '../../core/recording/manifest.ts';
import { RecordingBuilder } from '../harness/recording-builder.ts';
import { fault, useFakeApi } from './fake-api.ts';
import { gatehouse } from './run-cli.ts';

const SESSION = 'ses_01m7xr5fk9b56k8brj0dvrwre8';
const { replies, run, runProcess } = useFakeApi();

describe('verify', () => {
  it('exits 2, not 1, when somebody may not look or there is no such session', async () => {
    expect((await run('verify', SESSION)).code).toBe(2);
    replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
    replies[`GET /api/v1/witness/${SESSION}`] = { status: 403, body: fault('forbidden', 'not yours') };
    const failed = await run('verify', SESSION, '--json');
    expect([failed.code, JSON.parse(failed.stderr).error.reason]).toEqual([2, 'forbidden']);
    expect((await gatehouse(['verify', '--dir', '/nonexistent'])).code).toBe(2);
  });

  it('of --dir goes on behind what cannot be read, and names it', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'gatehouse-copy-'));
    const [whole, cut, headless, piped] = [1, 2, 3, 4].map(() => new RecordingBuilder().cut().end()) as [
      RecordingBuilder,
      RecordingBuilder,
      RecordingBuilder,
      RecordingBuilder,
    ];
    for (const builder of [whole, cut, headless, piped]) await builder.writeTo(copy);
    // As root everything can be read, but never a folder as a file.
    const unreadable = async ({ connector, session }: RecordingBuilder, name: string) => {
      const path = join(copy, 'recordings', connector.id, session, name);
      await rm(path);
      await mkdir(path);
    };
    await unreadable(cut, '00000001.seg');
    await unreadable(headless, 'manifest.json');
    const pipe = join(copy, 'recordings', piped.connector.id, piped.session, '00000000.seg');
    await rm(pipe);
    execFileSync('mkfifo', [pipe]);
    // It may lead in circles, and must not be left out without a word.
    await symlink('recordings', join(copy, 'linked'));
    await mkdir(join(copy, 'elsewhere'));
    await symlink('00000000.seg', join(copy, 'elsewhere', '00000000.seg'));
    await writeFile(join(copy, 'elsewhere', '00000001.seg'), 'x');
    const { code, stdout } = await gatehouse(['verify', '--dir', copy, '--json']);
    await rm(copy, { recursive: true });
    const answer = JSON.parse(stdout) as {
      proven: boolean;
      sessions: { session: string; proven: boolean; faults: { object: string; reason: string }[] }[];
      unproven: { path: string }[];
    };
    expect([code, answer.proven, answer.sessions.length]).toEqual([1, false, 4]);
    const of = ({ session }: RecordingBuilder) => answer.sessions.find((report) => report.session === session);
    expect(of(whole)).toMatchObject({ proven: false, intact: true, faults: [] });
    expect(of(cut)?.faults).toMatchObject([{ object: '00000001.seg', reason: 'object_unreadable' }]);
    expect(of(headless)?.faults).toMatchObject([{ object: 'manifest.json', reason: 'object_unreadable' }]);
    expect(of(piped)?.faults).toMatchObject([{ object: '00000000.seg', reason: 'object_unreadable' }]);
    expect(answer.unproven).toMatchObject([{ path: join(copy, 'linked') }, { path: join(copy, 'elsewhere') }]);
  });

  it('of --dir proves nothing by a key that nobody vouched for, as a forger’s is', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'gatehouse-copy-'));
    const report = join(copy, 'report.html');
    const builder = new RecordingBuilder().cut().end();
    await builder.writeTo(join(copy, 'archive'));
    const prove = async (...args: string[]) => {
      const { code, stdout } = await gatehouse(['verify', '--dir', join(copy, 'archive'), ...args]);
      return [code, stdout];
    };
    const keyOf = ({ connector }: RecordingBuilder) => Buffer.from(connector.publicKey).toString('base64url');
    const words = 'nobody said whose keys may sign. Name them with --keys FILE.';
    expect(await prove('--report', report)).toEqual([1, expect.stringContaining(words)]);
    expect((await prove())[1]).toContain(`${builder.session}  INTACT, SIGNER UNKNOWN`);
    expect((await prove())[1]).not.toMatch(/\bAll|[1-9] proven|NOT PROVEN/);
    expect(JSON.parse(await readFile(report.replace('.html', '.json'), 'utf8')).proven).toBe(false);
    expect(await readFile(report, 'utf8')).toContain('intact, signer unknown');
    expect(await prove('--key', keyOf(builder))).toEqual([0, expect.stringContaining('All 1 proven.')]);
    expect(await prove('--key', keyOf(new RecordingBuilder()))).toEqual([1, expect.stringContaining('key_unknown')]);
    await rm(copy, { recursive: true });
  });

  it('does not prove a session whose objects a server hides behind an empty list', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [] } };
    const failed = await run('verify', SESSION, '--json');
    expect(failed.code).toBe(1);
    const reasons = JSON.parse(failed.stdout).faults.map(({ reason }: { reason: string }) => reason);
    expect(reasons).toEqual(expect.arrayContaining(['manifest_missing', 'key_unknown']));
  });

  it('of --all does not prove a session that the witness knows and the catalogue has lost', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: [{ session: SESSION, connector, heads: 1 }] } };
    const head = { number: 0, digest: 'a'.repeat(64), at: '2026-11-20T10:00:00.000Z' };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [head] } };
    const failed = await run('verify', '--all', '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ proven: false, sessions: [{ session: SESSION, proven: false }] });
  });

  it('of --all lets a session run that is live, until the edge has witnessed its manifest', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const session = {
      ...{ id: SESSION, connector, state: 'live', email: 'alice@example.com', subject: 'u1' },
      ...{
        resource: 'shop',
        protocol: 'postgres',
        grant: 'grt_01m7xr2y76rsw2kt403zh5pxa5',
        rule: 'shop',
        reason: 'x',
        client: { address: '::1' },
      },
      ...{ startedAt: '2026-11-20T10:00:00.000Z', segments: 0 },
      counts: NOTHING_COUNTED,
    };
    replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: [{ session: SESSION, connector, heads: 0 }] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    replies[`GET /api/v1/sessions/${SESSION}`] = { body: { session, segments: [] } };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [] } };
    const ran = await run('verify', '--all');
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    expect(ran.stdout).toContain(`${SESSION}  STILL RUNNING`);
    expect(ran.stdout).toContain('0 proven.\n\n1 still running: to be proven at the end.');
    expect((await runProcess('verify', SESSION)).code).toBe(1);
    const at = '2026-11-20T10:00:00.000Z';
    const manifest = { digest: 'a'.repeat(64), segments: 0, at };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { session: SESSION, connector, heads: [], manifest } };
    const removed = await run('verify', '--all', '--json');
    expect([removed.code, JSON.parse(removed.stdout).sessions[0].faults[0].reason]).toEqual([1, 'manifest_missing']);
  });

  it('says that a purge is under way where the edge ordered one, and of what else is wrong that it is not proven', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const at = '2026-11-20T10:00:00.000Z';
    const head = { number: 0, digest: 'a'.repeat(64), at };
    const manifest = { digest: 'a'.repeat(64), segments: 1, at };
    const purgeOrdered = { at: '2026-11-30T10:00:00.000Z', audit: 41 };
    replies['GET /api/v1/audit'] = { status: 403, body: fault('forbidden', 'no') };
    replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: [{ session: SESSION, connector, heads: 1 }] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    const seen = { session: SESSION, connector, heads: [head], manifest };
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { ...seen, purgeOrdered } };
    const ran = await run('verify', '--all');
    expect(ran.stdout).toContain(`${SESSION}  PURGE UNDER WAY`);
    expect(ran.stdout).toContain(
      'its purge was ordered by entry 41 of the audit log at 2026-11-30T10:00:00.000Z and is',
    );
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('1 being purged')]);
    // Without that order it is a loss, and what is there and damaged is one with it too.
    replies[`GET /api/v1/witness/${SESSION}`] = { body: seen };
    expect((await run('verify', '--all')).stdout).toContain('NOT PROVEN');
    replies[`GET /api/v1/witness/${SESSION}`] = { body: { ...seen, purgeOrdered } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = {
      body: { connector, objects: [{ name: '00000000.seg', bytes: 3 }] },
    };
    replies[`GET /api/v1/sessions/${SESSION}/objects/00000000.seg`] = { body: 'bad' };
    const altered = await run('verify', '--all');
    expect([altered.code, altered.stdout]).toEqual([1, expect.stringContaining('segment_damaged')]);
  });

  describe('of a purged session reads the entry that the mark names', () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const at = '2026-11-30T10:00:00.000Z';
    const mark = { at, audit: 41 };
    const manifest = { digest: 'a'.repeat(64), segments: 1, at: '2026-11-20T10:00:00.000Z' };
    const entryOf = async (change: Partial<AuditEntry> = {}, event: Partial<AuditEvent> = {}): Promise<AuditEntry> => {
      const details = { mode: 'due', manifest: manifest.digest };
      const before = { sequence: 40, digest: 'b'.repeat(64) };
      const ordered = { kind: 'purge.ordered', actor: 'gatehouse', object: SESSION, details, ...event } as const;
      return { ...(await chainAuditEntry(before, ordered, '2026-11-29T10:00:00.000Z')), ...change };
    };
    const verified = async (entry: AuditEntry | 'forbidden' | undefined, seen: object = { purged: mark }) => {
      replies['GET /api/v1/connectors'] = { status: 403, body: fault('forbidden', 'no') };
      // As the functions have it: the row is a mark, which is in no list.
      const catalogue = { listed: false, contradicted: [] };
      replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [], catalogue } };
      replies[`GET /api/v1/witness/${SESSION}`] = {
        body: { session: SESSION, connector, heads: [], manifest, ...seen },
      };
      replies['GET /api/v1/audit?cursor=42&limit=1'] =
        entry === 'forbidden'
          ? { status: 403, body: fault('forbidden', 'no') }
          : { body: { entries: entry ? [entry] : [] } };
      const ran = await run('verify', SESSION, '--json');
      return { ...ran, report: JSON.parse(ran.stdout) as VerifyReport };
    };

    it('and proves the purge by it', async () => {
      const { code, report } = await verified(await entryOf());
      expect([code, report.proven, report.purged]).toEqual([0, true, true]);
      expect(report.proofs).toContain('entry 41 of the audit log ordered its purge, at 2026-11-29T10:00:00.000Z');
    });

    it.each([
      ['is not there', undefined, {}, 'which the log does not have'],
      ['is another one', { sequence: 39 }, {}, 'which the log does not have'],
      ['is of another kind', {}, { kind: 'session.viewed' }, 'which is session.viewed and no order to purge'],
      ['was only asked for', {}, { kind: 'purge.asked' }, 'which is purge.asked and no order'],
      [
        'orders another session',
        {},
        { object: `${SESSION.slice(0, -1)}9` },
        'which orders the purge of another session',
      ],
      ['is younger than the mark', {}, {}, 'which was written at 2026-11-29T10:00:00.000Z, after the mark'],
      ['was changed', { object: SESSION }, { object: 'ses_x' }, 'which was changed after it was written'],
      ['is of another recording', {}, { details: { manifest: 'c'.repeat(64) } }, 'with another manifest'],
    ] as const)('names a forged mark, whose entry %s', async (what, change, event, message) => {
      const seen =
        what === 'is younger than the mark' ? { purged: { ...mark, at: '2026-11-28T10:00:00.000Z' } } : undefined;
      const { code, report } = await verified(change && (await entryOf(change, event)), seen);
      expect([code, report.proven, report.purged, report.proofs]).toEqual([1, false, undefined, []]);
      expect(report.faults).toMatchObject([{ reason: 'purge_not_ordered', message: expect.stringContaining(message) }]);
    });

    it('names a forged order, which would excuse what is missing', async () => {
      const order = { purgeOrdered: mark };
      const sound = await verified(await entryOf(), order);
      expect([sound.report.purging, sound.report.faults]).toEqual([true, []]);
      const forged = await verified(undefined, order);
      expect([forged.code, forged.report.purging]).toEqual([1, undefined]);
      expect(forged.report.faults).toMatchObject([{ reason: 'purge_not_ordered' }]);
    });

    it('says that it was not read where only auditors may', async () => {
      const { code, report } = await verified('forbidden');
      expect([code, report.proven]).toEqual([0, true]);
      expect(report.notCompared).toContain(
        'entry 41 of the audit log, which is to have ordered the purge: only auditors read it',
      );
    });
  });

  it('of --all goes on behind what the archive does not give, and names it', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    const ids = ['8', '9', 'a'].map((last) => SESSION.slice(0, -1) + last);
    const away = { status: 503, body: fault('unavailable', 'The archive does not answer right now.') };
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies['GET /api/v1/sessions'] = { body: { sessions: [] } };
    replies['GET /api/v1/witness'] = { body: { sessions: ids.map((session) => ({ session, connector, heads: 0 })) } };
    for (const session of ids) {
      const neverBegan = { reason: 'log_failed', at: '2026-11-20T10:00:00.000Z' };
      replies[`GET /api/v1/witness/${session}`] = {
        body: { session, connector, heads: [], ...(session === ids[2] && { neverBegan }) },
      };
    }
    replies[`GET /api/v1/sessions/${ids[0]}/objects`] = away;
    replies[`GET /api/v1/sessions/${ids[1]}/objects`] = {
      body: { connector, objects: [{ name: 'manifest.json', bytes: 7 }] },
    };
    replies[`GET /api/v1/sessions/${ids[1]}/objects/manifest.json`] = away;
    replies[`GET /api/v1/sessions/${ids[2]}/objects`] = { body: { connector, objects: [] } };
    const failed = await run('verify', '--all', '--json');
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout).sessions).toMatchObject([
      { session: ids[0], faults: [{ object: 'session', reason: 'object_unreadable' }] },
      {
        session: ids[1],
        faults: expect.arrayContaining([
          expect.objectContaining({ object: 'manifest.json', reason: 'object_unreadable' }),
        ]),
      },
      {
        session: ids[2],
        faults: expect.not.arrayContaining([expect.objectContaining({ reason: 'object_unreadable' })]),
      },
    ]);
  });

  it('does not prove a session that the edge never admitted', async () => {
    const connector = 'con_01m7xr2y76rsw2kt403zh5pxa5';
    replies['GET /api/v1/connectors'] = { body: { connectors: [] } };
    replies[`GET /api/v1/sessions/${SESSION}/objects`] = { body: { connector, objects: [] } };
    const { stdout } = await run('verify', SESSION, '--json');
    expect(JSON.parse(stdout).faults.at(-1)).toMatchObject({
      object: 'session',
      message: 'the edge never admitted this session',
    });
  });

  it('exits 3 when Gatehouse cannot be reached', async () => {
    const failed = await gatehouse(['verify', '--all'], { GATEHOUSE_URL: 'http://127.0.0.1:9', GATEHOUSE_TOKEN: 'x' });
    expect(failed.code).toBe(3);
  });
});

// A connector at work between everything that is real, and what happens while a part of it is away.

import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  ConnectorList,
  EndedSession,
  type ListedConnector,
  ListedGrant,
  ResourceList,
  Witnessed,
  WitnessPage,
} from '../../core/api.ts';
import { AuditPage } from '../../core/audit/audit-page.ts';
import { withNames } from '../../core/audit/names.ts';
import { SessionDetail, SessionPage } from '../../core/catalogue.ts';
import { exportSession } from '../../functions/export/registry.ts';
import { nodeRecordingPlatform } from '../../functions/recording-platform.ts';
import { directoryReader } from '../../functions/store/directory-reader.ts';
import { readRecording } from '../../functions/store/read-recording.ts';
import { gatehouse } from '../cli/run-cli.ts';
import {
  alice,
  alicesToken,
  bobsToken,
  carol,
  carolsToken,
  connector,
  directory,
  edge,
  grant,
  newestSession,
  postgres,
  psql,
  query,
  startConnector,
  startTheEdge,
  stay,
  TARGET_PASSWORD,
  withWholeGatehouse,
} from './whole-gatehouse.ts';

withWholeGatehouse();

beforeEach((context) => {
  if (!psql) context.skip('psql is not installed: apt-get install postgresql postgresql-contrib');
});

describe('a connector at work', () => {
  test('its target is known to be usable before anybody has a session there', async () => {
    await vi.waitFor(async () => {
      const { resources } = await alice.get('/resources', ResourceList);
      expect(resources[0]?.target).toEqual({ at: expect.any(String) });
    }, 15_000);
    expect((await carol.get('/sessions', SessionPage)).sessions).toEqual([]);
  });

  test('psql with a grant, TLS verified in full, sealed in the catalogue and witnessed at the edge', async () => {
    writeFileSync(join(directory, 'ca.pem'), await alice.bytes('//ca.pem'));
    const { id, secret: password } = await grant();
    expect(await query("select current_user, 6 * 7, 'e2e-first'", password)).toMatchObject({
      code: 0,
      stdout: 'app|42|e2e-first',
    });

    const sealed = await vi.waitFor(async () => {
      const session = await newestSession();
      expect(session).toMatchObject({ state: 'sealed', grant: id, email: 'alice@example.com', resource: 'demo' });
      return session;
    }, 20_000);
    if (!sealed) throw new Error('no session');
    expect(sealed.client.tls).toMatch(/^TLSv1\.3/);
    const detail = await alice.get(`/sessions/${sealed.id}`, SessionDetail);
    expect(detail.session.counts.statements).toBe(1);
    await vi.waitFor(async () => {
      const witnessed = await carol.get(`/witness/${sealed.id}`, Witnessed);
      expect(witnessed.heads.map((it) => it.digest)).toEqual(detail.segments.map((it) => it.digest));
      expect(witnessed.manifest?.segments).toBe(detail.segments.length);
    }, 10_000);
  });

  test('an export in parts comes through command line, edge and functions as the file that a direct rendering is', async () => {
    const { secret: password } = await grant();
    const sql = "select n, repeat('x', 500) from generate_series(1, 60) n";
    expect((await query(sql, password)).code).toBe(0);
    const session = await vi.waitFor(async () => {
      const newest = await newestSession();
      expect(newest).toMatchObject({ state: 'sealed', counts: { rows: 60 } });
      return newest;
    }, 20_000);
    if (!session) throw new Error('no session');
    const out = join(directory, 'in-parts.csv');
    const asked = ['export', session.id, '--format', 'csv', '--statement', '1', '--out', out];
    const exported = await gatehouse(asked, { GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: alicesToken });
    expect([exported.code, exported.stderr]).toEqual([
      0,
      expect.stringContaining('so it is read and the export written in parts'),
    ]);

    const { id, connector: recorder } = session;
    const objects = directoryReader(join(directory, 'objects'));
    const open = () => readRecording({ session: id, connector: recorder }, objects, nodeRecordingPlatform);
    const direct = await exportSession(session, open, { format: 'csv', statement: 1 });
    if (!direct.ok) throw new Error(direct.error);
    const digest = createHash('sha256');
    let bytes = 0;
    for await (const chunk of direct.value.chunks) {
      digest.update(chunk);
      bytes += Buffer.byteLength(chunk);
    }
    expect(bytes).toBeGreaterThan(30_000);
    const written = readFileSync(out);
    expect([written.length, createHash('sha256').update(written).digest('hex')]).toEqual([bytes, digest.digest('hex')]);
    // Parts of 4 KiB, one of them short; the look is an entry, and asking for its parts is counted to another.
    const parts = readdirSync(join(directory, 'objects-search', 'rendered', id), { recursive: true });
    expect(parts.filter((name) => /\d{6}$/.test(String(name)))).toHaveLength(Math.ceil(bytes / 4096));
    const { entries } = await carol.get('/audit?kind=session.exported&limit=10', AuditPage);
    const details = entries.filter(({ object }) => object === id).map((entry) => entry.details);
    expect(details).toMatchObject([
      { format: 'csv', statement: 1, parts: true },
      { format: 'csv', statement: 1 },
    ]);
  });

  test('law 2 and 4: a wrong grant is refused and audited, and nothing was dialled for it', async () => {
    const dials = () => postgres.log().split('connection received').length;
    const before = dials();
    const refused = await query('select 1', 'ght_wrong');
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toMatch(/FATAL/);
    expect(dials()).toBe(before);
    await vi.waitFor(async () => {
      const { entries, names } = await carol.get('/audit?kind=attempt.refused&limit=10', AuditPage);
      expect(entries.some((it) => withNames(it, names).details.claimedEmail === 'alice@example.com')).toBe(true);
    }, 10_000);
    expect((await query('select 1', (await grant()).secret)).code).toBe(0);
    expect(dials()).toBe(before + 1);
  });

  test('a session is ended alone; its person reads by whom and why, and so does whoever reads the recording', async () => {
    const { secret: password } = await grant();
    const other = stay(password);
    expect(await other.ask('select 1;')).toBe('1');
    const session = stay(password);
    expect(await session.ask("select 'to be ended';")).toBe('to be ended');
    const running = await vi.waitFor(async () => {
      const { sessions } = await carol.get('/sessions?limit=5', SessionPage);
      const live = sessions.filter(({ state }) => state === 'live');
      expect(live).toHaveLength(2);
      return live[0];
    }, 20_000);
    if (!running) throw new Error('no session');
    const words = 'Your session was ended by carol@example.com: it holds a lock';
    const reason = 'it holds a lock';
    expect(await carol.post(`/sessions/${running.id}/end`, { reason }, EndedSession)).toMatchObject({
      state: 'ending',
    });
    await vi.waitFor(() =>
      expect(connector.lines).toContainEqual(
        expect.objectContaining({ event: 'session.end_requested', session: running.id }),
      ),
    );
    // psql notices at its next word.
    expect(await session.ask('select 2;')).toContain(words);
    expect(await other.ask('select 3;')).toBe('3');
    session.quit();
    await session.closed;
    await vi.waitFor(async () => {
      const { session: ended } = await carol.get(`/sessions/${running.id}`, SessionDetail);
      expect(ended).toMatchObject({ state: 'sealed', end: { reason: 'ended_by_person', message: words } });
    }, 20_000);
    expect(await carol.post(`/sessions/${running.id}/end`, { reason }, EndedSession)).toMatchObject({ state: 'over' });
    // The grant stays.
    expect(await query('select 4', password)).toMatchObject({ code: 0, stdout: '4' });
    other.quit();
    await other.closed;
  });

  test('revoking a grant ends its session at once', async () => {
    const { id, secret: password } = await grant();
    const session = stay(password);
    expect(await session.ask('select 1;')).toBe('1');
    const begun = performance.now();
    await alice.post(`/grants/${id}/revoke`, { reason: 'done' }, ListedGrant);
    await vi.waitFor(() =>
      expect(connector.lines.some((it) => it.event === 'grant.revoked' && it.grant === id)).toBe(true),
    );
    // psql notices at its next word.
    expect(await session.ask('select 2;')).toContain('revoked');
    // Under 200 ms on an idle machine; the bound leaves room for a busy one.
    expect(performance.now() - begun).toBeLessThan(5_000);
    session.quit();
    await session.closed;
    expect((await query('select 1', password)).stderr).toMatch(/revoked/);
  });
});

describe('law 4: the edge away', () => {
  test('the session goes on, a new one is refused; what was revoked meanwhile ends when the edge is back', async () => {
    const kept = await grant();
    const other = await grant();
    const running = stay(kept.secret);
    const doomed = stay(other.secret);
    expect(await running.ask('select 1;')).toBe('1');
    expect(await doomed.ask('select 1;')).toBe('1');

    await edge.close();
    await vi.waitFor(() => expect(connector.lines.some((it) => it.event === 'link.down')).toBe(true), 10_000);
    expect(await running.ask('select 2;')).toBe('2');
    const refused = await query('select 1', kept.secret);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('cannot check your grant now');

    const links = connector.lines.filter((it) => it.event === 'link.up').length;
    await startTheEdge();
    // Revoked at once, before or while the connector comes back.
    await alice.post(`/grants/${other.id}/revoke`, { reason: 'meanwhile' }, ListedGrant);
    await vi.waitFor(
      () => expect(connector.lines.filter((it) => it.event === 'link.up').length).toBeGreaterThan(links),
      30_000,
    );
    await vi.waitFor(
      () => expect(connector.lines.some((it) => it.event === 'grant.revoked' && it.grant === other.id)).toBe(true),
      10_000,
    );
    expect(await doomed.ask('select 3;')).toContain('revoked');
    expect(await running.ask('select 4;')).toBe('4');
    running.quit();
    doomed.kill();
    expect(await running.closed).toBe(0);
    expect(await query('select 5', kept.secret)).toMatchObject({ code: 0, stdout: '5' });
  });
});

describe('the process going down', () => {
  test('kill -9 in mid-session: the next start stores what was recorded and tells the edge', async () => {
    const { secret: password } = await grant();
    const session = stay(password);
    expect(await session.ask("select 'before the crash';")).toBe('before the crash');
    connector.child.kill('SIGKILL');
    await connector.ended;
    session.kill();
    startConnector();
    await connector.event('ready');
    await vi.waitFor(async () => {
      expect(await newestSession()).toMatchObject({
        state: 'sealed',
        end: { reason: 'connector_crashed' },
        counts: { statements: 1 },
      });
    }, 20_000);
    const resources = await alice.get('/resources', ResourceList);
    expect(resources.resources[0]).toMatchObject({ name: 'demo', connector: { online: true } });
  });

  test('SIGTERM ends sessions in their own words, stores everything, and exits with 0', async () => {
    const { secret: password } = await grant();
    const session = stay(password);
    expect(await session.ask("select 'before the stop';")).toBe('before the stop');
    connector.child.kill('SIGTERM');
    expect(await connector.ended).toEqual({ code: 0, stderr: '' });
    expect(await session.ask('select 1;')).toContain('The gateway is stopping');
    session.kill();
    expect(connector.lines.map((it) => it.event)).not.toContain('recording.left');
    expect(readFileSync(join(directory, 'connector', 'outbox.ndjson'), 'utf8')).not.toContain('"report"');
    await vi.waitFor(async () => {
      expect(await newestSession()).toMatchObject({ state: 'sealed', end: { reason: 'connector_stopped' } });
    }, 10_000);
    startConnector();
    await connector.event('ready');
  });
});

describe('laws 8 and 11', () => {
  test("a target's credential that fails is told to the operator without its value, and to the client in plain words", async () => {
    const { secret: password } = await grant();
    writeFileSync(join(directory, 'password'), '', { mode: 0o600 });
    const target = async () => (await alice.get('/resources', ResourceList)).resources[0]?.target;
    const seen = (fault: unknown) =>
      vi.waitFor(
        async () => expect(await target()).toEqual({ at: expect.any(String), ...(fault ? { fault } : {}) }),
        10_000,
      );
    await seen(undefined);
    const missing = await query('select 1', password);
    await seen(expect.stringContaining('could not get its credential'));
    expect(missing.stderr).toContain('could not get its credential');
    await connector.event('connector.fault');
    expect(connector.output()).toContain(`${join(directory, 'password')} is empty`);

    const wrong = `wrong-${randomBytes(8).toString('hex')}`;
    writeFileSync(join(directory, 'password'), wrong, { mode: 0o600 });
    expect((await query('select 1', password)).code).toBe(2);
    await seen("The database refused the gateway's own login (28P01). Tell an administrator.");
    // Read anew for every session: no restart is needed.
    writeFileSync(join(directory, 'password'), TARGET_PASSWORD, { mode: 0o600 });
    // What a client asks for and cannot have says nothing of the target.
    expect((await query('select 1', password, 'demo/nowhere')).stderr).toContain('no such database');
    await seen(expect.stringContaining('own login'));
    expect(await query('select 1', password)).toMatchObject({ code: 0 });
    await seen(undefined);

    const everything = [connector.output(), missing.stderr, ...filesBelow(directory, ['password', 'edge'])].join('\n');
    for (const value of [TARGET_PASSWORD, wrong, password]) expect(everything.includes(value)).toBe(false);
    // What the edge keeps: neither the target's credential nor the grant's secret in the clear.
    const kept = filesBelow(join(directory, 'edge'), []).join('\n');
    for (const value of [TARGET_PASSWORD, wrong, password]) expect(kept.includes(value)).toBe(false);
  });
});

describe('law 1: a disk without room', () => {
  test('refuses a session before it began, and verify --all proves that there is nothing to miss', async () => {
    const settings = join(directory, 'connector.yaml');
    const roomy = readFileSync(settings, 'utf8');
    connector.child.kill('SIGTERM');
    expect((await connector.ended).code).toBe(0);
    writeFileSync(settings, roomy.replace('diskFreeMegabytes: 50', 'diskFreeMegabytes: 10000000'));
    startConnector();
    await connector.event('ready');
    const dials = () => postgres.log().split('connection received').length;
    const before = dials();
    const refused = await query('select 1', (await grant()).secret);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('cannot record sessions')]);
    expect(dials()).toBe(before);
    const { sessions } = await carol.get('/witness', WitnessPage);
    const [never] = sessions;
    await vi.waitFor(async () => {
      const witnessed = await carol.get(`/witness/${never?.session}`, Witnessed);
      expect(witnessed).toMatchObject({ heads: [], neverBegan: { reason: 'log_failed' } });
    }, 10_000);

    const asCarol = { GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: carolsToken };
    // The edge has exported what it witnessed of the sessions before, and kept none of their heads.
    const exported = join(directory, 'objects', 'log', 'witness');
    await vi.waitFor(() => expect(filesBelow(exported, []).join('')).toContain('"heads":[[0,"'), 10_000);
    const { code, stdout, stderr } = await gatehouse(['verify', '--all'], asCarol);
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toContain(`${never?.session}  proven: never began`);
    expect(stdout).toMatch(/^All \d+ proven\.$/m);
    writeFileSync(settings, roomy);
  });
});

// The last ones: afterwards nobody connects here.
describe("a connector's key", () => {
  const asBob = () => ({ GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: bobsToken });
  const asCarol = () => ({ GATEHOUSE_URL: edge.url, GATEHOUSE_TOKEN: carolsToken });
  const listed = async () => {
    const { connectors } = await carol.get('/connectors', ConnectorList);
    return connectors[0] as ListedConnector;
  };
  const newerThan = (earlier: string | undefined) =>
    vi.waitFor(async () => {
      const { id } = (await newestSession()) ?? {};
      if (id === undefined || id === earlier) throw new Error('not listed yet');
      return id;
    }, 15_000);
  const sealed = async (id: string) =>
    vi.waitFor(
      async () =>
        expect(await alice.get(`/sessions/${id}`, SessionDetail)).toMatchObject({ session: { state: 'sealed' } }),
      15_000,
    );

  test('is changed while a session runs, which goes on and is sealed with the new one; both prove theirs', async () => {
    connector.child.kill('SIGTERM');
    await connector.ended;
    startConnector();
    await connector.event('ready');
    const { secret: password } = await grant();
    const earlier = (await newestSession())?.id;
    const running = stay(password);
    expect(await running.ask('select 1;')).toBe('1');
    const last = await newerThan(earlier);
    const before = await listed();
    const asked = await gatehouse(['connectors', 'rotate-key', before.id], asBob());
    expect([asked.code, asked.stderr]).toEqual([0, '']);
    await connector.event('key.changed');
    expect(await running.ask('select 2;')).toBe('2');
    running.quit();
    await running.closed;
    const { key, keys = [] } = await listed();
    expect(keys.map((one) => one.key)).toEqual([before.key, key]);
    await sealed(last);
    // The next start has the new one, and no other.
    connector.child.kill('SIGKILL');
    await connector.ended;
    startConnector();
    await connector.event('ready');
    expect(await query('select 3', password)).toMatchObject({ code: 0, stdout: '3' });
    const { code, stdout } = await gatehouse(['verify', last], asCarol());
    expect([code, stdout]).toEqual([0, expect.stringContaining('signed with the connector’s registered key')]);
  });

  test('is taken away: its sessions end, nobody gets in, and what was sealed before is proven as such', async () => {
    const { secret: password } = await grant();
    const earlier = (await newestSession())?.id;
    expect(await query('select 4', password)).toMatchObject({ code: 0 });
    const good = await newerThan(earlier);
    await sealed(good);
    const running = stay(password);
    expect(await running.ask('select 5;')).toBe('5');
    const cut = await newerThan(good);
    const { id } = await listed();
    const refused = await gatehouse(['connectors', 'revoke', id, '--reason', 'stolen'], asBob());
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('say --yes')]);
    const revoked = await gatehouse(['connectors', 'revoke', id, '--reason', 'stolen', '--yes'], asBob());
    expect([revoked.code, revoked.stdout]).toEqual([
      0,
      expect.stringContaining('One session that it carried was told to end'),
    ]);
    expect(await running.ask('select 6;')).toContain('stolen');
    running.quit();
    expect((await query('select 6', password)).code).toBe(2);
    const first = await gatehouse(['verify', good], asCarol());
    expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('which was revoked at')]);
    expect(first.stdout).toContain('it was sealed before');
    // Stored all the same, and told apart.
    await vi.waitFor(async () => {
      const { session } = await carol.get(`/sessions/${cut}`, SessionDetail);
      expect(session).toMatchObject({ state: 'broken', fault: expect.stringContaining('revoked at') });
    }, 15_000);
    const later = await gatehouse(['verify', cut], asCarol());
    expect([later.code, later.stdout]).toEqual([1, expect.stringContaining('key_revoked')]);
  });
});

function filesBelow(at: string, without: readonly string[]): string[] {
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    if (without.includes(entry.name)) return [];
    if (entry.isDirectory()) return filesBelow(path, []);
    return entry.isFile() ? [readFileSync(path, 'latin1')] : [];
  });
}

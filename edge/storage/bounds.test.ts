// Each table of the edge that people, programs or strangers make rows in ends somewhere: by time, by number, or by both.

import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { Approval } from '../../core/approval/approval.ts';
import { type HoldSearchId, newId, SessionId } from '../../core/ids.ts';
import { ResourceName } from '../../core/resource.ts';
import { remote } from '../objects/rpc.ts';
import { person } from '../test/people.ts';
import { BROWSER_IDLE_MS, BROWSER_SESSION_MS, BrowserSessions } from './browser-sessions.ts';
import { Connectors } from './connectors.ts';
import { API_TOKEN_MS, DEVICE_CODE_MS, DeviceCodes } from './device-codes.ts';
import { freeEndedGrants } from './ended-grants.ts';
import { HoldSearches } from './hold-searches.ts';
import { LinkMemory } from './link-memory.ts';
import { People } from './people/people.ts';
import { PersonKeys } from './people/person-keys.ts';
import { Policies } from './policies.ts';
import { REQUEST_KEPT_MS, Requests } from './requests.ts';
import { Shares } from './shares.ts';
import { Throttles } from './throttles.ts';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-11-30T12:00:00Z');
const POLICY = `administrators: [bob]\nrules: [{ name: all, resources: { env: demo }, who: [everyone], access: { ttl: 1h } }]`;
const SESSION = SessionId.parse('ses_00000000000000000000000001');

type Objects = 'DIRECTORY' | 'GRANTS' | 'RETENTION' | 'CONNECTOR_LINK';
/** The tables of an object of its own. */
const tables = async (of: Objects, name: string, act: (sql: SqlStorage) => void) => {
  const namespace = env[of] as unknown as DurableObjectNamespace;
  await runInDurableObject(namespace.get(namespace.idFromName(`bounds ${name}`)), (_object, { storage }) =>
    act(storage.sql),
  );
};
const count = (sql: SqlStorage, table: string): number =>
  Number(sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n);
const times = <T>(n: number, act: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => act(index));

/** `atMs`: when it was asked, which its id says too. */
const request = (atMs: number, more: object = {}): Approval =>
  Approval.parse({
    id: newId('req', { now: () => atMs, random: (n) => crypto.getRandomValues(new Uint8Array(n)) }),
    requester: { email: 'alice@example.com', subject: 'idp#alice', name: 'Alice' },
    subject: {
      ...{ kind: 'view', resource: 'orders', reason: 'r', labels: {}, owner: 'bob@example.com' },
      session: SESSION,
    },
    rule: 'guarded',
    policyVersion: 1,
    state: 'expired',
    askedAt: new Date(atMs).toISOString(),
    decideBy: new Date(atMs + 60_000).toISOString(),
    workMs: 60_000,
    needed: 1,
    votes: [],
    warned: false,
    ...more,
  });

test('requests that are over go after their time, or when there are very many; what is open stays', () =>
  tables('DIRECTORY', 'requests', (sql) => {
    const requests = new Requests(sql);
    const open = request(NOW - 500 * DAY_MS, { state: 'pending' });
    requests.put(open);
    times(10, (n) => requests.put(request(NOW - n * DAY_MS)));
    requests.put(request(NOW - REQUEST_KEPT_MS - DAY_MS));
    requests.cleanUp(NOW);
    expect(count(sql, 'requests')).toBe(11);
    requests.cleanUp(NOW, 4);
    expect(count(sql, 'requests')).toBe(5);
    const left = requests.list('all').map(({ askedAt }) => Date.parse(askedAt));
    expect(left).toEqual([0, 1, 2, 3, 500].map((days) => NOW - days * DAY_MS));
    requests.cleanUp(NOW + REQUEST_KEPT_MS + DAY_MS);
    expect(requests.list('all')).toEqual([open]);
  }));

test('of a request that is long over nothing is left of its object either', async () => {
  const long = request(Date.now() - REQUEST_KEPT_MS - DAY_MS, { state: 'pending' });
  const stub = env.APPROVAL.get(env.APPROVAL.idFromName(long.id));
  const alive = request(Date.now());
  await remote(env.APPROVAL, alive.id).open(alive, 'asked');
  await remote(env.APPROVAL, long.id).open(long, 'asked');
  for (let rings = 0; rings < 3; rings++) {
    await runDurableObjectAlarm(stub);
    await runDurableObjectAlarm(env.APPROVAL.get(env.APPROVAL.idFromName(alive.id)));
  }
  expect(await remote(env.APPROVAL, long.id).read()).toBeUndefined();
  expect(await remote(env.APPROVAL, alive.id).read()).toMatchObject({ id: alive.id });
  await runInDurableObject(stub, async (_object, { storage }) => {
    expect(storage.sql.exec(`SELECT name FROM sqlite_master WHERE name = 'approval'`).toArray()).toEqual([]);
    expect(await storage.getAlarm()).toBeNull();
  });
});

test('links that pass sessions on, and who opened them, go some time after their end', () =>
  tables('DIRECTORY', 'shares', (sql) => {
    const shares = new Shares(sql);
    const by = { email: 'alice@example.com', subject: 'idp#alice' };
    const make = (hash: string, untilMs: number) =>
      shares.add({ id: newId('shr'), hash, session: SESSION, by, untilMs }, NOW);
    const [over, open] = [make('over', NOW + DAY_MS), make('open', NOW + 300 * DAY_MS)];
    for (const share of [over, open]) if (share) times(5, (n) => shares.opened(share.id, `idp#${n}`));
    shares.cleanUp(NOW + 80 * DAY_MS);
    expect(count(sql, 'shares')).toBe(2);
    shares.cleanUp(NOW + 100 * DAY_MS);
    expect([count(sql, 'shares'), count(sql, 'share_openings')]).toEqual([1, 5]);
    times(995, (n) => make(`more ${n}`, NOW + DAY_MS));
    times(10, (n) => make(`beyond ${n}`, NOW + DAY_MS));
    expect(count(sql, 'shares')).toBe(1_000);
  }));

test('device codes and API tokens end with their time', () =>
  tables('DIRECTORY', 'codes', (sql) => {
    const codes = new DeviceCodes(sql);
    const code = { address: 'a', userAgent: 'u' };
    codes.start({ ...code, hash: 'h1', userCode: 'AAAA-AAAA' }, NOW);
    codes.decide('AAAA-AAAA', person('alice'), NOW);
    codes.redeem('h1', 't1', NOW);
    codes.start({ ...code, hash: 'h2', userCode: 'BBBB-BBBB' }, NOW);
    codes.cleanUp(NOW + DEVICE_CODE_MS - 1);
    expect([count(sql, 'device_codes'), count(sql, 'api_tokens')]).toEqual([1, 1]);
    codes.cleanUp(NOW + DEVICE_CODE_MS);
    expect([count(sql, 'device_codes'), count(sql, 'api_tokens')]).toEqual([0, 1]);
    codes.cleanUp(NOW + API_TOKEN_MS);
    expect(count(sql, 'api_tokens')).toBe(0);
  }));

test('browser sessions end unused, and in any case', () =>
  tables('DIRECTORY', 'browsers', (sql) => {
    const browsers = new BrowserSessions(sql);
    browsers.start('idle', person('alice'), NOW);
    browsers.start('used', person('alice'), NOW);
    for (let at = NOW; at < NOW + BROWSER_SESSION_MS; at += BROWSER_IDLE_MS / 2) browsers.find('used', at);
    browsers.cleanUp(NOW + BROWSER_IDLE_MS);
    expect(count(sql, 'browser_sessions')).toBe(1);
    browsers.cleanUp(NOW + BROWSER_SESSION_MS);
    expect(count(sql, 'browser_sessions')).toBe(0);
  }));

test('a person has so many keys, and each ends', () =>
  tables('DIRECTORY', 'keys', (sql) => {
    const keys = new PersonKeys(sql);
    const results = times(25, (n) =>
      keys.add('alice@example.com', { fingerprint: `SHA256:${n}`, type: 'ssh-ed25519', name: 'k' }, NOW),
    );
    expect(results.filter(({ ok }) => ok)).toHaveLength(20);
    keys.cleanUp(NOW + 89 * DAY_MS);
    expect(count(sql, 'person_keys')).toBe(20);
    keys.cleanUp(NOW + 90 * DAY_MS);
    expect(count(sql, 'person_keys')).toBe(0);
  }));

test('people are forgotten a month after they signed in last', () =>
  tables('DIRECTORY', 'people', (sql) => {
    const people = new People(sql);
    people.remember(person('alice'), NOW - 31 * DAY_MS);
    people.remember(person('bob'), NOW);
    people.cleanUp(NOW);
    expect(count(sql, 'people')).toBe(1);
  }));

test('strangers with a million addresses make no more buckets than come in a minute', () =>
  tables('DIRECTORY', 'throttles', (sql) => {
    const throttles = new Throttles(sql);
    let most = 0;
    // 100 a second, for 20 minutes.
    times(120_000, (n) => {
      expect(throttles.allow('sign-in', `address ${n}`, NOW + n * 10)).toBe(true);
      if (n % 5_000 === 0) most = Math.max(most, count(sql, 'buckets'));
    });
    expect(most).toBeLessThan(20_000);
    // What still says something is kept: a full bucket of this minute.
    const last = NOW + 1_200_000;
    const tries = times(130, () => throttles.allow('request', 'alice', last));
    throttles.cleanUp(last + 30_000);
    expect(tries.filter(Boolean)).toHaveLength(120);
    expect(times(70, () => throttles.allow('request', 'alice', last + 30_000)).filter(Boolean)).toHaveLength(60);
    throttles.burn('once', last);
    throttles.cleanUp(last);
    expect(count(sql, 'burned')).toBe(0);
  }));

test('policies that were in force are kept, the newest of them', () =>
  tables('DIRECTORY', 'policies', (sql) => {
    const policies = new Policies(sql);
    times(8, (n) => policies.apply(POLICY, 'bob', n, NOW));
    policies.cleanUp();
    expect(count(sql, 'policies')).toBe(8);
    policies.cleanUp(3);
    expect(sql.exec('SELECT version FROM policies').toArray()).toEqual([
      { version: 6 },
      { version: 7 },
      { version: 8 },
    ]);
    expect(policies.current()?.version).toBe(8);
    expect(policies.ruleOf(2, 'any')).toBeUndefined();
    expect(policies.apply(POLICY, 'bob', 8, NOW)?.version).toBe(9);
  }));

test('invitations end, and how a target was seen goes with its name', () =>
  tables('DIRECTORY', 'connectors', (sql) => {
    const connectors = new Connectors(sql);
    connectors.invite('h', 'bob', NOW);
    sql.exec(`INSERT INTO targets_seen VALUES ('gone', 'con_1', '{}'), ('there', 'con_1', '{}')`);
    sql.exec(`INSERT INTO announced (name, connector, resource, announced_ms) VALUES ('there', 'con_1', '{}', 0)`);
    connectors.cleanUp(NOW);
    expect([count(sql, 'join_tokens'), count(sql, 'targets_seen')]).toEqual([0, 1]);
  }));

test('searches for sessions to hold end after a day, and the oldest when there are many', () =>
  tables('RETENTION', 'searches', (sql) => {
    const searches = new HoldSearches(sql);
    const begin = (at: number) => {
      const id: HoldSearchId = newId('hsr');
      searches.begin({ id, query: 'q' }, 'carol', at);
      searches.add(id, { sessions: [SESSION], cursor: undefined });
      return id;
    };
    const first = begin(NOW);
    times(60, (n) => begin(NOW + 1 + n));
    expect([count(sql, 'hold_searches'), count(sql, 'hold_search_sessions')]).toEqual([50, 50]);
    expect(searches.find(first, NOW + 99)).toBeUndefined();
    searches.cleanUp(NOW + 2 * DAY_MS);
    expect([count(sql, 'hold_searches'), count(sql, 'hold_search_sessions')]).toEqual([0, 0]);
  }));

test('a link remembers tokens until they end, and reports for a week', async () => {
  const stub = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName('con_bounds'));
  await runInDurableObject(stub, async (_object, { storage: { sql } }) => {
    const memory = new LinkMemory(sql);
    memory.burn('jti', NOW, NOW - 1);
    const report = { kind: 'fault', reason: 'disk_low' } as unknown as Parameters<LinkMemory['isNewReport']>[1];
    await memory.isNewReport(1, report, NOW);
    memory.cleanUp(NOW + 6 * DAY_MS);
    expect([count(sql, 'burned'), count(sql, 'reports')]).toEqual([0, 1]);
    memory.cleanUp(NOW + 7 * DAY_MS);
    expect(count(sql, 'reports')).toBe(0);
  });
});

test('ended grants lose their keys after two days and go after four hundred, or when there are very many', () =>
  tables('GRANTS', 'grants', (sql) => {
    const grant = (id: string, untilMs: number) =>
      sql.exec(
        `INSERT INTO grants (id, email, resource, until_ms, document, identity, stored_key, server_key)
           VALUES (?, 'a', ?, ?, '{}', '{}', 'k', 'k')`,
        ...[id, ResourceName.parse('orders'), untilMs],
      );
    const left = () =>
      sql
        .exec('SELECT id FROM grants ORDER BY until_ms')
        .toArray()
        .map(({ id }) => id);
    grant('live', NOW + DAY_MS);
    for (const days of [1, 3, 4, 5, 399, 401]) grant(`${days}`, NOW - days * DAY_MS);
    sql.exec(`INSERT INTO sessions (session, grant_id, connector, opened_ms) VALUES ('s', '5', 'con_1', 0)`);
    expect(freeEndedGrants(sql, NOW)).toBe(false);
    expect(left()).toEqual(['399', '5', '4', '3', '1', 'live']);
    expect(sql.exec(`SELECT id FROM grants WHERE stored_key <> '' ORDER BY id`).toArray()).toEqual([
      { id: '1' },
      { id: 'live' },
    ]);
    freeEndedGrants(sql, NOW, 1);
    // What carries a session stays with it, and what ended lately is not counted.
    expect(left()).toEqual(['5', '3', '1', 'live']);
    times(5_001, (n) => grant(`old ${n}`, NOW - 410 * DAY_MS));
    expect(freeEndedGrants(sql, NOW)).toBe(true);
    expect(freeEndedGrants(sql, NOW)).toBe(false);
    expect(left()).toEqual(['5', '3', '1', 'live']);
  }));

// Replicas of a site: what they share, what they do not, and who is sent where.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConnectorList, ResourceList } from '../../../core/api.ts';
import type { OpenedTunnel } from '../../../core/tunnel/opened-tunnel.ts';
import { SessionId } from '../../../core/ids.ts';
import type { Directory } from '../../objects/directory.ts';
import { remote } from '../../objects/rpc.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../../test/connector.ts';
import { grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

let alice: Caller;
let bob: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
});

const linkOf = ({ id }: TestConnector) => env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(id));
const directory = () => env.DIRECTORY.get(env.DIRECTORY.idFromName('only'));
const listed = async (id: string) =>
  (await (await alice.get('/connectors')).json<ConnectorList>()).connectors.find((one) => one.id === id);
const listedResource = async (name: string) =>
  (await (await alice.get('/resources')).json<ResourceList>()).resources.find((one) => one.name === name);

/** Two that are linked, with the same resource. */
async function pair(site: string, name: string, more: readonly [object, object] = [{}, {}]) {
  const one = await TestConnector.join(`${site}-1`, undefined, site);
  const other = await TestConnector.join(`${site}-2`, undefined, site);
  const first = await one.link([resource(name)], [], undefined, more[0]);
  const second = await other.link([resource(name)], [], undefined, more[1]);
  return { one, other, first, second };
}

describe('replicas of a site', () => {
  test('announce the same resource, and a grant is good at each; the sessions of all count', async () => {
    const { first, second } = await pair('paris', 'paris-db');
    const grant = await grantFor(alice, 'paris-db');
    for (const link of [first, second]) {
      expect((await link.lookUp('alice@example.com', 'paris-db')).candidates).toHaveLength(1);
      expect((await link.openSession(grant.id)).kind).toBe('session.admitted');
      expect(link.pending('resource.contested')).toBe(0);
    }
    // Two are allowed (vitest.config.ts), and each carries one.
    expect(await second.openSession(grant.id)).toMatchObject({ reason: 'too_many_sessions' });
  });

  test('one is gone: its session counts on, and who is refused for it is told until when; back without it, it is free', async () => {
    const { one, first, second } = await pair('turku', 'turku-db');
    const grant = await grantFor(alice, 'turku-db');
    await first.openSession(grant.id);
    first.close();
    await first.whenClosed();
    await expect.poll(async () => (await newest('connector.unlinked'))?.object).toBe('turku-1');
    // It may be cut off and carry it all the while (law 4).
    expect((await second.openSession(grant.id)).kind).toBe('session.admitted');
    const [row] = await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_object, state) =>
      state.storage.sql.exec('SELECT gone_ms FROM links WHERE connector = ?', one.id).toArray(),
    );
    const until = new Date(Number(row?.gone_ms) + 600_000).toISOString().slice(11, 16);
    expect(await second.openSession(grant.id)).toMatchObject({
      reason: 'too_many_sessions',
      message: `2 of 2 sessions run on this grant; one is of a connector that is away: it stops counting at ${until} UTC, or when its connector is back without it.`,
    });
    await one.link([resource('turku-db')]);
    expect((await second.openSession(grant.id)).kind).toBe('session.admitted');
    // None is of one that is away.
    expect(await second.openSession(grant.id)).toMatchObject({
      message: 'As many sessions as the policy allows run on this grant. Close one first.',
    });
  });

  test('carry their own sessions alone: what another says of one does not end it', async () => {
    const { one, first, second } = await pair('riga', 'riga-db');
    const grant = await grantFor(alice, 'riga-db');
    const admitted = await first.openSession(grant.id);
    const session = admitted.kind === 'session.admitted' ? admitted.opened.session : '';
    const ended = {
      kind: 'session.ended',
      session,
      reason: 'client_closed',
      message: '',
      at: new Date().toISOString(),
    };
    await second.report(1, ended);
    expect(await remote(env.GRANTS).runningSession(SessionId.parse(session))).toMatchObject({ connector: one.id });
    await first.report(1, ended);
    expect(await remote(env.GRANTS).runningSession(SessionId.parse(session))).toBeUndefined();
  });

  test('all hear that a grant is revoked', async () => {
    const { first, second } = await pair('rome', 'rome-db');
    const grant = await grantFor(alice, 'rome-db');
    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'over' });
    for (const link of [first, second]) await link.next('grant.revoked', (message) => message.grant === grant.id);
    expect(await second.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'grant_revoked' });
  });

  test('a connector of another site, or of none, is refused the name, and told who has it', async () => {
    const { first } = await pair('oslo', 'oslo-db');
    for (const stranger of [
      await TestConnector.join('bergen', undefined, 'bergen'),
      await TestConnector.join('alone'),
    ]) {
      const link = await stranger.link([resource('oslo-db')]);
      expect(await link.next('resource.contested')).toMatchObject({ yours: false });
      expect((await link.lookUp('alice@example.com', 'oslo-db')).candidates).toEqual([]);
      expect((await listed(stranger.id))?.resources).toEqual([]);
    }
    await first.next('resource.contested', ({ yours }) => yours);
  });

  test('of one site, too, a name is of one protocol', async () => {
    const { one } = await pair('bern', 'bern-db');
    const third = await TestConnector.join('bern-3', undefined, 'bern');
    const link = await third.link([{ ...resource('bern-db'), protocol: 'mysql' as never }]);
    expect(await link.next('resource.contested')).toMatchObject({ resource: 'bern-db', yours: false });
    expect((await listed(one.id))?.resources).toEqual(['bern-db']);
  });

  test('one that serves nothing is told so', async () => {
    await pair('graz', 'graz-db');
    const idle = await TestConnector.join('idle');
    const link = await idle.open();
    const hello = { kind: 'hello', connector: idle.id, build: 'tests', resources: [resource('graz-db')], live: [] };
    link.send(JSON.stringify(hello));
    expect(await link.next('welcome')).toMatchObject({ serving: 0, protocol: 2 });
  });

  test('differences are told to both, and written down: the masking key, and what a resource means', async () => {
    const keys = [{ maskingKey: 'a1' }, { maskingKey: 'b2' }] as const;
    const { one, first, second } = await pair('wien', 'wien-db', keys);
    expect(await second.next('replicas.differ')).toMatchObject({ what: 'masking_key', other: 'wien-1' });
    expect(await first.next('replicas.differ')).toMatchObject({ what: 'masking_key', other: 'wien-2' });
    expect((await newest('connector.fault'))?.details).toMatchObject({
      reason: 'replicas_differ',
      what: 'masking_key',
    });

    const third = await TestConnector.join('wien-3', undefined, 'wien');
    const again = await third.link([resource('wien-db', { env: 'demo', team: 'other' })], [], undefined, keys[0]);
    expect(await again.next('replicas.differ', ({ what }) => what === 'resource')).toMatchObject({
      resource: 'wien-db',
    });
    // A build that does not know the message is not sent it.
    const old = await one.link([resource('wien-db')], [], ['session.end'], keys[1]);
    const fourth = await TestConnector.join('wien-4', undefined, 'wien');
    const last = await fourth.link([resource('wien-db')], [], undefined, { maskingKey: 'c3' });
    await last.next('replicas.differ', ({ other }) => other === 'wien-1');
    await old.ping();
    expect(old.pending('replicas.differ')).toBe(0);
    expect(old.closed).toBeUndefined();
  });

  test('clients are told the host keys of all', async () => {
    const site = 'lyon';
    const key = (of: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${of.repeat(43)}`;
    const ssh = (of: string) => ({
      ...resource('lyon-host'),
      protocol: 'ssh' as never,
      endpoint: { host: 'gw.example.com', port: 2222, hostKey: key(of) },
    });
    await (await TestConnector.join('lyon-1', undefined, site)).link([ssh('A')]);
    await (await TestConnector.join('lyon-2', undefined, site)).link([ssh('B')]);
    const answer = await alice.send('POST', '/requests', { resource: 'lyon-host', reason: 'r' });
    const { connect } = await answer.json<{ connect: Record<string, string> }>();
    for (const of of ['A', 'B']) expect(connect.known_hosts).toContain(`[gw.example.com]:2222 ${key(of)}`);
    expect(connect.known_hosts).toContain('@cert-authority [gw.example.com]:2222');
  });

  test('one of them that was away for a day is forgotten there, and one alone is not', async () => {
    const { one, other, first, second } = await pair('nice', 'nice-db');
    const lone = await TestConnector.join('lone');
    (await lone.link([resource('lone-db')])).close();
    first.close();
    await first.whenClosed();
    await expect.poll(async () => (await listed(one.id))?.standing).toBe('away');
    await expect.poll(async () => (await listed(lone.id))?.standing).toBe('away');
    await runInDurableObject(directory(), (_: Directory, state) => {
      const yesterday = Date.now() - 90_000_000;
      state.storage.sql.exec('UPDATE connectors SET seen_ms = ? WHERE id IN (?, ?)', yesterday, one.id, lone.id);
    });
    await runDurableObjectAlarm(directory());
    expect((await listed(one.id))?.resources).toEqual([]);
    expect((await listed(other.id))?.resources).toEqual(['nice-db']);
    expect((await listed(lone.id))?.resources).toEqual(['lone-db']);
    second.close();
  });
});

describe('joining a site', () => {
  const joinWith = async (token: string, site: string | undefined) => {
    const { key } = await TestConnector.newKey();
    return fetchJoin({ token, name: 'j', key, ...(site !== undefined && { site }) });
  };
  const fetchJoin = async (body: object) => {
    return SELF.fetch(`${EDGE}/api/v1/connectors/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'cf-connecting-ip': crypto.randomUUID() },
      body: JSON.stringify(body),
    });
  };
  const token = async (site?: string) => {
    const made = await bob.send('POST', `/connectors/join-tokens${site === undefined ? '' : `?site=${site}`}`);
    return (await made.json<{ token: string }>()).token;
  };

  test('the token decides: another site than its own is refused, and the token stays good', async () => {
    const forTurin = await token('turin');
    const refused = await joinWith(forTurin, 'milan');
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('site turin');
    const joined = await joinWith(forTurin, 'turin');
    const { connector } = await joined.json<{ connector: string }>();
    expect(await listed(connector)).toMatchObject({ site: 'turin' });

    expect((await joinWith(await token(), 'turin')).status).toBe(403);
    const silent = await (await joinWith(await token('turin'), undefined)).json<{ connector: string }>();
    expect(await listed(silent.connector)).toMatchObject({ site: 'turin' });
    expect((await bob.send('POST', '/connectors/join-tokens?site=No%20Site')).status).toBe(400);
  });

  test('a file that says another site than the one it joined is refused with a line, and an administrator can move it', async () => {
    const mover = await TestConnector.join('mover');
    const say = async (site: string) => {
      const link = await mover.open();
      const hello = { kind: 'hello', connector: mover.id, build: 'tests', resources: [], live: [], site };
      link.send(JSON.stringify(hello));
      return link;
    };
    const closed = await (await say('kiel')).whenClosed();
    expect(closed).toEqual({
      code: 4403,
      reason: expect.stringContaining('it joined without a site, and its file says kiel'),
    });
    expect((await alice.send('PUT', `/connectors/${mover.id}/site`, { site: 'kiel' })).status).toBe(403);
    expect((await bob.send('PUT', `/connectors/${mover.id}/site`, { site: 'kiel' })).status).toBe(200);
    expect(await newest('connector.site_set')).toMatchObject({ object: 'mover', details: { site: 'kiel' } });
    const held = await say('kiel');
    await held.next('welcome');
    // It announces what it has anew.
    await bob.send('PUT', `/connectors/${mover.id}/site`, { site: null });
    expect((await held.whenClosed()).code).toBe(1012);
  });

  test('a build that is too old is refused with a line; one that names no version is of the former release', async () => {
    const aged = await TestConnector.join('aged');
    const link = await aged.open();
    link.send(
      JSON.stringify({ kind: 'hello', connector: aged.id, build: 'old', resources: [], live: [], protocol: 0 }),
    );
    const { code, reason } = await link.whenClosed();
    expect(code).toBe(4403);
    expect(reason).toContain('its build is too old: it speaks link protocol 0, the edge 1 to 2. Update it');
    await aged.link([]);
    expect(await listed(aged.id)).toMatchObject({ protocol: 1, standing: 'linked' });
    await aged.link([], [], undefined, { protocol: 2, ofTomorrow: { anything: true } });
    expect(await listed(aged.id)).toMatchObject({ protocol: 2, build: 'tests' });
  });
});

describe('who is sent where', () => {
  const open = async (name: string) => {
    const answer = await alice.send('POST', '/tunnels', { resource: name });
    return { status: answer.status, body: await answer.json<OpenedTunnel & { error?: { message: string } }>() };
  };
  /** Dials its end, as a connector does that was told to. */
  async function dials(connector: TestConnector, link: TestLink): Promise<string> {
    const { tunnel } = await link.next('tunnel.open');
    const dialled = await SELF.fetch(`${EDGE}/connectors/tunnels/${tunnel}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${await connector.jwt()}` },
    });
    dialled.webSocket?.accept();
    return tunnel;
  }

  test('the one that carries least, and none that drains or cannot record', async () => {
    const { one, other, first, second } = await pair('bonn', 'bonn-db');
    await grantFor(alice, 'bonn-db');
    first.tellStatus({ sessions: 3 });
    second.tellStatus({ sessions: 1 });
    await expect.poll(async () => (await listed(other.id))?.status?.sessions).toBe(1);
    const [least, opened] = await Promise.all([dials(other, second), open('bonn-db')]);
    expect(opened).toMatchObject({ status: 200, body: { tunnel: least } });

    second.tellStatus({ sessions: 1, accepting: false });
    await expect.poll(async () => (await listed(other.id))?.status?.accepting).toBe(false);
    const [recording, next] = await Promise.all([dials(one, first), open('bonn-db')]);
    expect(next.body.tunnel).toBe(recording);
    expect(second.pending('tunnel.open')).toBe(0);

    second.tellStatus({ sessions: 5 });
    first.tellStatus({ draining: { until: '2026-12-01T00:00:00Z' } });
    await expect.poll(async () => (await listed(one.id))?.standing).toBe('draining');
    expect(await newest('connector.draining')).toMatchObject({ object: 'bonn-1' });
    expect((await listedResource('bonn-db'))?.connector).toMatchObject({ id: other.id, site: 'bonn', online: true });
    // The last that is left is not waited for.
    expect((await open('bonn-db')).status).toBe(200);
    await second.next('tunnel.open');
    expect(first.pending('tunnel.open')).toBe(0);

    // Slept, and linked anew without a word of it: it drains all the same.
    await evictDurableObject(linkOf(one));
    expect((await listed(one.id))?.standing).toBe('draining');
    await one.link([resource('bonn-db')], [], undefined, { draining: true });
    expect((await listed(one.id))?.standing).toBe('draining');
    second.close();
    await second.whenClosed();
    await expect.poll(async () => (await listed(other.id))?.standing).toBe('away');
    expect((await listedResource('bonn-db'))?.connector).toMatchObject({ id: one.id, draining: true });
    const none = await open('bonn-db');
    expect(none).toMatchObject({ status: 503, body: { error: { message: expect.stringContaining('is stopping') } } });
  });

  test('one that does not dial within a second is passed over, and that is written down', async () => {
    const { one, other, first, second } = await pair('jena', 'jena-db');
    await grantFor(alice, 'jena-db');
    first.tellStatus({ sessions: 0 });
    second.tellStatus({ sessions: 9 });
    await expect.poll(async () => (await listed(other.id))?.status?.sessions).toBe(9);
    const [opened, dead, live] = await Promise.all([
      open('jena-db'),
      first.next('tunnel.open'),
      second.next('tunnel.open'),
    ]);
    expect(opened.body.tunnel).toBe(live.tunnel);
    // It is over for who comes after all.
    const late = await SELF.fetch(`${EDGE}/connectors/tunnels/${dead.tunnel}`, {
      headers: { upgrade: 'websocket', authorization: `Bearer ${await one.jwt()}` },
    });
    expect(late.status).toBe(404);
    const { entries } = await remote(env.AUDIT_LOG).list({ kind: 'tunnel.opened', limit: 3 });
    expect(entries.map(({ details }) => details.undelivered)).toEqual([undefined, 'not_dialled', undefined]);
  });
});

describe('seen-times', () => {
  test('are kept over an hour of pings, also when the object sleeps', async () => {
    const steady = await TestConnector.join('steady');
    const link = await steady.link([resource('steady-db')]);
    const seenMs = () =>
      runInDurableObject(directory(), (_: Directory, state) =>
        Number(state.storage.sql.exec('SELECT seen_ms FROM connectors WHERE id = ?', steady.id).one().seen_ms),
      );
    // A minute goes by: all that is stored is a minute older. The clock itself is for all tests.
    const minute = async () => {
      await runInDurableObject(directory(), (_: Directory, state) => {
        state.storage.sql.exec('UPDATE connectors SET seen_ms = seen_ms - 60000 WHERE id = ?', steady.id);
      });
      await runInDurableObject(linkOf(steady), (_, state) => {
        for (const socket of state.getWebSockets()) {
          const { openedMs, seenMs: told, ...rest } = socket.deserializeAttachment() as Record<string, number>;
          socket.serializeAttachment({ ...rest, openedMs: Number(openedMs) - 60_000, seenMs: Number(told) - 60_000 });
        }
      });
    };
    for (let at = 1; at <= 60; at++) {
      await minute();
      if (at % 20 === 0) await evictDurableObject(linkOf(steady));
      await link.ping();
      await runDurableObjectAlarm(linkOf(steady));
      expect(Date.now() - (await seenMs())).toBeLessThan(60_000);
    }
    await minute();
    await link.ping();
    // Between two of its words to the directory it is its link that is asked.
    expect(Date.parse((await listed(steady.id))?.lastSeenAt ?? '')).toBeGreaterThan(await seenMs());
    const thief = await TestConnector.join('late-thief');
    const stolen = await thief.link([resource('steady-db')]);
    expect(await stolen.next('resource.contested')).toMatchObject({ yours: false, other: 'steady' });
    expect(link.closed).toBeUndefined();
  });
});

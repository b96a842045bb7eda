// A connector's key: taken away, and changed.

import { runDurableObjectAlarm, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ConnectorList, ListedGrant, RevokedConnector, RotationAsked } from '../../../core/api.ts';
import type { OpenedTunnel } from '../../../core/tunnel/opened-tunnel.ts';
import { readKeysNote } from '../../../core/tlog/keys-note.ts';
import { type RotationRequest, rotationText } from '../../../core/connectors/key-rotation.ts';
import { newId, type ConnectorId } from '../../../core/ids.ts';
import { Resource } from '../../../core/resource.ts';
import { showNoteKey } from '../../../core/tlog/note.ts';
import { logSigner } from '../../authority/log-signer.ts';
import { remote } from '../../objects/rpc.ts';
import { parseSettings } from '../../settings.ts';
import { EDGE } from '../../test/browser.ts';
import { resource, TestConnector } from '../../test/connector.ts';
import { audit, grantFor, newest } from '../../test/grants.ts';
import { type Caller, callerAs } from '../../test/people.ts';

let alice: Caller;
let bob: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
});

const directory = remote(env.DIRECTORY);
const functions = (env as unknown as { FUNCTIONS_URL: string }).FUNCTIONS_URL;
const told = async () => (await fetch(`${functions}/told-keys`)).json<Record<string, string>>();
const functionsAre = (state: 'away' | 'back') => fetch(`${functions}/told-keys`, { method: 'POST', body: state });
const listed = async (id: ConnectorId) =>
  (await (await bob.get('/connectors')).json<ConnectorList>()).connectors.find((one) => one.id === id);
/** As the functions read what they were told. */
async function toldKeys(id: ConnectorId) {
  const { EDGE_SECRET, PUBLIC_URL } = parseSettings(env);
  const { key } = await logSigner(EDGE_SECRET, PUBLIC_URL);
  const note = (await told())[id];
  return note === undefined ? undefined : readKeysNote(note, id, showNoteKey(key));
}

describe('revoking a connector', () => {
  const revoke = (who: Caller, id: string, reason = 'its machine was stolen') =>
    who.send('POST', `/connectors/${id}/revoke`, { reason });

  test('closes its link, and nothing is answered to its key from then on', async () => {
    const connector = await TestConnector.join('stolen');
    const link = await connector.link([resource('stolen-db')]);
    const grant = await grantFor(alice, 'stolen-db');
    const session = newId('ses');
    await link.openSession(grant.id, session);
    const revoking = revoke(bob, connector.id);
    const { code } = await link.whenClosed();
    expect(code).toBe(4410);
    expect(await (await revoking).json<RevokedConnector>()).toMatchObject({ sessions: 1, connectorWas: 'told' });
    // Heard before the link closed.
    expect(await link.next('connector.revoked')).toMatchObject({
      by: 'bob@example.com',
      reason: 'its machine was stolen',
    });
    for (const path of ['/connectors/link', `/connectors/tunnels/${newId('tun')}`]) {
      const refused = await SELF.fetch(`${EDGE}${path}`, {
        headers: { upgrade: 'websocket', authorization: `Bearer ${await connector.jwt()}` },
      });
      expect([path, refused.status, (await refused.json<{ error: { reason: string } }>()).error.reason]).toEqual([
        path,
        403,
        'connector_revoked',
      ]);
    }
    for (const [path, body] of [
      ['certificate', { csr: 'x' }],
      ['host-certificate', { publicKey: 'x' }],
    ] as const) {
      const refused = await SELF.fetch(`${EDGE}/api/v1/connectors/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await connector.jwt()}` },
        body: JSON.stringify(body),
      });
      expect(refused.status).toBe(403);
    }
    // Its grant lives, and carries nothing.
    const { grants } = await (await alice.get('/grants')).json<{ grants: ListedGrant[] }>();
    expect(grants.find(({ id }) => id === grant.id)).toMatchObject({ state: 'active', liveSessions: 0 });
    expect(await newest('session.ended')).toMatchObject({
      object: session,
      details: { reason: 'connector_revoked', connectorTold: true },
    });
    expect(await newest('connector.revoked')).toMatchObject({
      actor: 'bob@example.com',
      object: connector.id,
      details: { reason: 'its machine was stolen', key: connector.key },
    });
    // Nobody is sent there.
    expect(await directory.resource('stolen-db')).toBeUndefined();
    const view = await listed(connector.id);
    expect(view).toMatchObject({ online: false, revoked: { by: 'bob@example.com' } });
    expect(await toldKeys(connector.id)).toMatchObject({ ok: true, value: { revoked: view?.revoked?.at } });
  });

  /** Two replicas of a site that are linked. */
  async function pair(site: string) {
    const [one, other] = [
      await TestConnector.join(`${site}-1`, undefined, site),
      await TestConnector.join(`${site}-2`, undefined, site),
    ];
    const links = {
      first: await one.link([resource(`${site}-db`)]),
      second: await other.link([resource(`${site}-db`)]),
    };
    return { one, other, ...links, grant: await grantFor(alice, `${site}-db`) };
  }

  test('of a site: nobody is sent to it at once, and the other replica serves', async () => {
    const { one, other, first, second } = await pair('essen');
    // It would be the one to go to.
    first.tellStatus({ sessions: 0 });
    second.tellStatus({ sessions: 9 });
    await expect.poll(async () => (await listed(one.id))?.status?.sessions).toBe(0);
    await expect.poll(async () => (await listed(other.id))?.status?.sessions).toBe(9);
    expect((await revoke(bob, one.id)).status).toBe(200);
    expect(await remote(env.CONNECTOR_LINK, one.id).standing()).toBeUndefined();
    expect((await directory.resource('essen-db'))?.replicas.map(({ id }) => id)).toEqual([other.id]);
    expect(await listed(one.id)).toMatchObject({ standing: 'away', resources: [] });
    const opened = alice.send('POST', '/tunnels', { resource: 'essen-db' });
    await second.next('tunnel.open');
    expect((await opened).status).toBe(200);
    expect(first.pending('tunnel.open')).toBe(0);
  });

  test('of a site: sessions of one that was killed count until it is revoked', async () => {
    const { one, first, second, grant } = await pair('hagen');
    for (let count = 0; count < 2; count++) expect((await first.openSession(grant.id)).kind).toBe('session.admitted');
    first.close();
    await first.whenClosed();
    await expect.poll(async () => (await listed(one.id))?.online).toBe(false);
    expect(await second.openSession(grant.id)).toMatchObject({ reason: 'too_many_sessions' });
    expect((await revoke(bob, one.id)).status).toBe(200);
    for (let count = 0; count < 2; count++) expect((await second.openSession(grant.id)).kind).toBe('session.admitted');
  });

  test('ends the tunnels that lead to it', async () => {
    const connector = await TestConnector.join('tunnelled');
    const link = await connector.link([resource('tunnelled-db')]);
    await grantFor(alice, 'tunnelled-db');
    const { tunnel } = await (await alice.send('POST', '/tunnels', { resource: 'tunnelled-db' })).json<OpenedTunnel>();
    await link.next('tunnel.open');
    const dial = async () =>
      SELF.fetch(`${EDGE}/connectors/tunnels/${tunnel}`, {
        headers: { upgrade: 'websocket', authorization: `Bearer ${await connector.jwt()}` },
      });
    const { webSocket: end } = await dial();
    if (!end) throw new Error('its end was refused');
    const closed = new Promise<string>((resolve) => {
      end.addEventListener('close', ({ reason }) => resolve(reason));
    });
    end.accept();
    await revoke(bob, connector.id);
    expect(await closed).toContain('its connector was revoked');
    const tunnels = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(connector.id));
    await runInDurableObject(tunnels, (_, state) => {
      expect(state.storage.sql.exec('SELECT tunnel FROM tunnels').toArray()).toEqual([]);
    });
  });

  test('a hello that was under way announces nothing any more', async () => {
    const connector = await TestConnector.join('late-hello');
    await directory.revokeConnector(connector.id, 'bob@example.com', 'race');
    await directory.announce(connector.id, [Resource.parse(resource('late-db'))], {});
    expect(await directory.resource('late-db')).toBeUndefined();
  });

  test('a link that was let in a moment before, and an admission under way, lead nowhere', async () => {
    const connector = await TestConnector.join('racing');
    await directory.revokeConnector(connector.id, 'bob@example.com', 'race');
    await remote(env.CONNECTOR_LINK, connector.id).revoke({ kind: 'connector.revoked', by: 'bob', reason: 'race' });
    const stub = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(connector.id));
    const late = await stub.fetch('http://x/connectors/link', {
      headers: { upgrade: 'websocket', 'x-gatehouse-connector': connector.id },
    });
    expect(late.status).toBe(403);
  });

  test('a build that does not know the message has its sessions end without rules', async () => {
    const connector = await TestConnector.join('old-build');
    const link = await connector.link([resource('old-db')], [], []);
    const grant = await grantFor(alice, 'old-db');
    const session = newId('ses');
    await link.openSession(grant.id, session);
    await revoke(bob, connector.id);
    const ended = await link.next('rules.in_force', ({ sessions }) => sessions.includes(session as never));
    expect(ended.rules).toBeUndefined();
    await link.whenClosed();
    expect(link.pending('connector.revoked')).toBe(0);
  });

  test('one that is not linked is revoked all the same, and its sessions are written down as not told', async () => {
    const connector = await TestConnector.join('away');
    const link = await connector.link([resource('away-db')]);
    const grant = await grantFor(alice, 'away-db');
    await link.openSession(grant.id);
    link.close();
    await link.whenClosed();
    await expect.poll(async () => (await listed(connector.id))?.online).toBe(false);
    const answer = await (await revoke(bob, connector.id)).json<RevokedConnector>();
    expect(answer).toMatchObject({ sessions: 1, connectorWas: 'not_linked' });
    expect((await newest('session.ended'))?.details.connectorTold).toBe(false);
  });

  test('only administrators revoke, with a reason, and the first who did stays', async () => {
    const connector = await TestConnector.join('kept');
    expect((await revoke(alice, connector.id)).status).toBe(403);
    expect((await revoke(bob, connector.id, ' ')).status).toBe(400);
    expect((await revoke(bob, newId('con'))).status).toBe(404);
    expect((await listed(connector.id))?.revoked).toBeUndefined();
    await revoke(bob, connector.id, 'first');
    const first = (await listed(connector.id))?.revoked;
    await revoke(bob, connector.id, 'second');
    expect((await listed(connector.id))?.revoked).toEqual(first);
    const entries = (await audit.list({ kind: 'connector.revoked', limit: 50 })).entries;
    expect(entries.filter(({ object }) => object === connector.id)).toHaveLength(1);
    // Whoever may not know why, does not.
    const { connectors } = await (await alice.get('/connectors')).json<ConnectorList>();
    expect(connectors.find(({ id }) => id === connector.id)?.revoked).toEqual({ at: first?.at });
  });

  test('its key joins nothing again', async () => {
    const connector = await TestConnector.join('again');
    await revoke(bob, connector.id);
    const { token } = await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>();
    const joined = await SELF.fetch(`${EDGE}/api/v1/connectors/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, name: 'again', key: connector.key }),
    });
    expect(joined.status).toBe(409);
  });
});

describe('changing a key', () => {
  interface Change extends Partial<RotationRequest> {
    readonly edge?: string;
    readonly signer?: TestConnector;
    readonly nextSigner?: TestConnector;
  }
  const fresh = async (id: ConnectorId) => {
    const { key, privateKey } = await TestConnector.newKey();
    return new TestConnector(id, key, privateKey);
  };
  async function request(from: TestConnector, to: TestConnector, change: Change = {}): Promise<RotationRequest> {
    const { edge = EDGE, signer = from, nextSigner = to, ...changed } = change;
    const terms = {
      connector: from.id,
      oldKey: from.key,
      newKey: to.key,
      at: new Date().toISOString(),
      ...changed,
    };
    const text = rotationText(edge, terms);
    const signatures = { old: await signer.sign(text), new: await nextSigner.sign(text) };
    return { ...terms, signatures: changed.signatures ?? signatures };
  }
  const send = (body: object) =>
    SELF.fetch(`${EDGE}/api/v1/connectors/rotation`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'cf-connecting-ip': crypto.randomUUID() },
      body: JSON.stringify(body),
    });

  test('the new key is the one that signs in, and the old one is remembered', async () => {
    const before = await TestConnector.join('changing');
    const link = await before.link([resource('changing-db')]);
    const asked = await (await bob.send('POST', `/connectors/${before.id}/rotate-key`)).json<RotationAsked>();
    expect(asked.connectorWas).toBe('told');
    await link.next('key.rotate');
    const after = await fresh(before.id);
    const change = await request(before, after);
    expect((await send(change)).status).toBe(200);
    // Sessions go on over the link that stands.
    await link.ping();
    expect((await before.dial()).status).toBe(401);
    expect((await after.dial()).status).toBe(101);
    expect(await newest('connector.key_rotated')).toMatchObject({
      actor: `connector:${before.id}`,
      details: { from: before.key, to: after.key },
    });
    const view = await listed(before.id);
    expect(view).toMatchObject({ key: after.key, keys: [{ key: before.key }, { key: after.key }] });
    expect(view?.rotationBy).toBeUndefined();
    expect(view?.keys?.[0]?.replaced).toBe(view?.keys?.[1]?.from);
    expect(await toldKeys(before.id)).toMatchObject({ ok: true, value: { version: 2, keys: view?.keys } });
    // Its answer was lost: the same again is done already, though the old key signs nobody in.
    expect((await send(await request(before, after))).status).toBe(200);
    expect((await listed(before.id))?.keys).toHaveLength(2);
  });

  test('an older change is refused once another came, word for word or signed anew', async () => {
    const first = await TestConnector.join('replayed');
    const [second, third] = [await fresh(first.id), await fresh(first.id)];
    const old = await request(first, second);
    expect((await send(old)).status).toBe(200);
    expect((await send(await request(second, third))).status).toBe(200);
    expect((await send(old)).status).toBe(403);
    expect((await send(await request(first, second))).status).toBe(403);
    // And no way back.
    expect((await send(await request(third, first))).status).toBe(403);
    expect((await listed(first.id))?.key).toBe(third.key);
  });

  test('both keys sign, for this edge, this connector and this moment', async () => {
    const connector = await TestConnector.join('attacked');
    const other = await TestConnector.join('attacker');
    const next = await fresh(connector.id);
    const wrong: Record<string, Change> = {
      'the old key did not sign': { signer: other },
      'the new key did not sign': { nextSigner: other },
      'another edge': { edge: 'https://other.example.com' },
      'another connector': { connector: other.id },
      stale: { at: new Date(Date.now() - 10 * 60_000).toISOString() },
      'of the future': { at: new Date(Date.now() + 10 * 60_000).toISOString() },
    };
    for (const [what, change] of Object.entries(wrong))
      expect([what, (await send(await request(connector, next, change))).status]).toEqual([what, 403]);
    expect((await send(await request(connector, other))).status).toBe(403);
    expect((await send(await request(connector, connector))).status).toBe(403);
    expect((await listed(connector.id))?.keys).toHaveLength(1);
    expect((await newest('attempt.refused'))?.object).toBe('connector-key');
  });

  test('a revoked connector changes nothing', async () => {
    const connector = await TestConnector.join('gone');
    await bob.send('POST', `/connectors/${connector.id}/revoke`, { reason: 'gone' });
    expect((await send(await request(connector, await fresh(connector.id)))).status).toBe(403);
    expect((await bob.send('POST', `/connectors/${connector.id}/rotate-key`)).status).toBe(409);
  });

  test('one that is away is asked when it is back, and once', async () => {
    const connector = await TestConnector.join('asleep');
    const asked = await (await bob.send('POST', `/connectors/${connector.id}/rotate-key`)).json<RotationAsked>();
    expect(asked.connectorWas).toBe('not_linked');
    const link = await connector.link([]);
    await link.next('key.rotate');
    const next = await fresh(connector.id);
    await send(await request(connector, next));
    const again = await next.link([]);
    await again.ping();
    expect(again.pending('key.rotate')).toBe(0);
  });

  test('only administrators ask for it', async () => {
    const connector = await TestConnector.join('asked');
    expect((await alice.send('POST', `/connectors/${connector.id}/rotate-key`)).status).toBe(403);
  });
});

describe('what the functions are told', () => {
  test('comes later where they were away, and is the edge’s word', async () => {
    await functionsAre('away');
    const connector = await TestConnector.join('untold');
    expect(await toldKeys(connector.id)).toBeUndefined();
    expect((await directory.connector(connector.id))?.keysTold).toBe(false);
    await functionsAre('back');
    await runDurableObjectAlarm(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')));
    expect(await toldKeys(connector.id)).toMatchObject({
      ok: true,
      value: { version: 1, keys: [{ key: connector.key }] },
    });
    expect((await directory.connector(connector.id))?.keysTold).toBe(true);
  });

  test('a connector of an earlier release is told with the key that it joined with', async () => {
    const connector = await TestConnector.join('earlier');
    const stub = env.DIRECTORY.get(env.DIRECTORY.idFromName('only'));
    await runInDurableObject(stub, (object, state) => {
      for (const table of ['connector_keys', 'connector_standing'])
        state.storage.sql.exec(`DELETE FROM ${table} WHERE connector = ?`, connector.id);
      // As when the object wakes with the tables of this release.
      const again = Reflect.construct(object.constructor, [state, env]) as typeof object;
      expect(Reflect.apply(Reflect.get(again, 'keysOfConnector'), again, [connector.id])).toMatchObject({
        version: 1,
        keys: [{ key: connector.key }],
      });
    });
  });
});

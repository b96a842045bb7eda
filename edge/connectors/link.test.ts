// Who may open a control link, and what ends one.

import { evictDurableObject, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { Resource } from '../../core/resource.ts';
import type { ConnectorLink } from '../objects/connector-link.ts';
import type { Directory } from '../objects/directory.ts';
import { Connectors } from '../storage/connectors.ts';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { grantFor, newest } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';

let alice: Caller;
let connector: TestConnector;
let other: TestConnector;
beforeAll(async () => {
  alice = await callerAs('alice');
  connector = await TestConnector.join('first');
  other = await TestConnector.join('second');
  await connector.link([resource('demo')]);
});

describe('who may open a link', () => {
  const refusalOf = async (jwt: string) => {
    const response = await connector.dial(jwt);
    expect(response.status).toBe(401);
    return (await newest('attempt.refused'))?.details.reason;
  };

  test('not a wrong key', async () => {
    const { privateKey } = await TestConnector.newKey();
    expect(await refusalOf(await connector.jwt({ key: privateKey }))).toBe('signature_wrong');
  });
  test("not one connector in another's name", async () => {
    expect(await refusalOf(await connector.jwt({ iss: other.id, sub: other.id }))).toBe('signature_wrong');
    expect(await refusalOf(await connector.jwt({ iss: other.id }))).toBe('claim_wrong');
  });
  test('not with a token for another edge', async () => {
    expect(await refusalOf(await connector.jwt({ aud: 'https://another.example' }))).toBe('audience_wrong');
  });
  test('not with an old token, nor one that would live long', async () => {
    expect(await refusalOf(await connector.jwt({ ageSeconds: 300 }))).toBe('token_expired');
    expect(await refusalOf(await connector.jwt({ ageSeconds: 120, lifeSeconds: 3600 }))).toBe('token_expired');
    expect(await refusalOf(await connector.jwt({ lifeSeconds: 3600 }))).toBe('token_lives_too_long');
  });
  test('not with a token shown before', async () => {
    const guest = await TestConnector.join('guest');
    const jwt = await guest.jwt();
    expect((await guest.dial(jwt)).status).toBe(101);
    expect(await refusalOf(jwt)).toBe('token_replayed');
  });
  test('not somebody who never joined, nor without a token', async () => {
    const { privateKey } = await TestConnector.newKey();
    const nobody = newId('con');
    expect(await refusalOf(await connector.jwt({ iss: nobody, sub: nobody, key: privateKey }))).toBe(
      'connector_unknown',
    );
    expect(await refusalOf('a.b.c')).toBe('token_malformed');
    const bare = await SELF.fetch(`${EDGE}/connectors/link`, { headers: { upgrade: 'websocket' } });
    expect(bare.status).toBe(401);
  });
});

describe('the link', () => {
  test('a new link of the same connector replaces the old one', async () => {
    const twice = await TestConnector.join('twice');
    const old = await twice.link([]);
    const fresh = await twice.link([]);
    expect(await old.whenClosed()).toMatchObject({ code: 4409 });
    expect(fresh.closed).toBeUndefined();
  });

  test('survives the object being put to sleep between messages', async () => {
    const sleepy = await TestConnector.join('sleepy');
    const held = await sleepy.link([resource('sleepy-db')]);
    const grant = await grantFor(alice, 'sleepy-db');
    await evictDurableObject(env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(sleepy.id)));
    expect((await held.openSession(grant.id)).kind).toBe('session.admitted');
    await evictDurableObject(env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(sleepy.id)));
    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: '' });
    await held.next('grant.revoked', (message) => message.grant === grant.id);
  });

  test('shows as online while linked, and offline after', async () => {
    const blinking = await TestConnector.join('blinking');
    const online = async () => {
      const { connectors } = await (await alice.get('/connectors')).json<{
        connectors: { id: string; online: boolean }[];
      }>();
      return connectors.find(({ id }) => id === blinking.id)?.online;
    };
    expect(await online()).toBe(false);
    const held = await blinking.link([]);
    expect(await online()).toBe(true);
    held.close();
    await held.whenClosed();
    await expect.poll(online).toBe(false);
    expect((await newest('connector.unlinked'))?.actor).toBe(`connector:${blinking.id}`);
  });

  test.each<[string, string | ArrayBuffer, number]>([
    ['no JSON', 'hello', 4400],
    ['an unknown kind', JSON.stringify({ kind: 'shell.open' }), 4400],
    ['bytes', new Uint8Array([1, 2]).buffer, 4400],
    [
      'a message before hello',
      JSON.stringify({ kind: 'grants.look_up', call: 1, email: 'a', resource: 'demo', protocol: 'postgres' }),
      4400,
    ],
    ['more than the cap', 'x'.repeat(300_000), 1009],
  ])('closes on %s and writes it down', async (_name, message, code) => {
    const rude = await TestConnector.join('rude');
    const held = await rude.open();
    held.send(message);
    expect((await held.whenClosed()).code).toBe(code);
    await expect.poll(async () => (await newest('connector.fault'))?.actor).toBe(`connector:${rude.id}`);
  });

  test("a hello in another connector's name closes the link", async () => {
    const liar = await TestConnector.join('liar');
    const held = await liar.open();
    held.send({ kind: 'hello', connector: connector.id, build: '', resources: [], live: [], understands: [] });
    expect((await held.whenClosed()).code).toBe(4400);
  });
});

describe("a resource's name", () => {
  /** As if the connector had said hello an hour ago and only pinged since. */
  async function age(holder: TestConnector, link: TestLink): Promise<void> {
    const hourAgo = Date.now() - 3_600_000;
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_: Directory, state) => {
      state.storage.sql.exec('UPDATE connectors SET seen_ms = ? WHERE id = ?', hourAgo, holder.id);
    });
    await runInDurableObject(linkOf(holder), (_: ConnectorLink, state) => {
      for (const socket of state.getWebSockets())
        socket.serializeAttachment({ ...(socket.deserializeAttachment() as object), openedMs: hourAgo });
    });
    await link.ping();
  }
  const linkOf = ({ id }: TestConnector) => env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(id));

  test('stays with the connector that serves it, an hour after its hello; both hear of it, and the list shows it', async () => {
    const holder = await TestConnector.join('holder');
    const held = await holder.link([resource('kept')]);
    await age(holder, held);
    await evictDurableObject(linkOf(holder));
    const thief = await TestConnector.join('thief');
    const stolen = await thief.link([resource('kept')]);
    expect((await newest('connector.fault'))?.details).toMatchObject({
      reason: 'resource_name_taken',
      resource: 'kept',
      holder: holder.id,
    });
    const told = { kind: 'resource.contested', resource: 'kept' };
    expect(await stolen.next('resource.contested')).toEqual({ ...told, yours: false, other: 'holder' });
    expect(await held.next('resource.contested')).toEqual({ ...told, yours: true, other: 'thief' });
    const { connectors } = await (await alice.get('/connectors')).json<{ connectors: { id: string }[] }>();
    expect(connectors.find(({ id }) => id === thief.id)).toMatchObject({
      contested: [{ resource: 'kept', holder: { id: holder.id, name: 'holder' } }],
    });
    await grantFor(alice, 'kept');
    expect((await held.lookUp('alice@example.com', 'kept')).candidates).toHaveLength(1);
    expect((await stolen.lookUp('alice@example.com', 'kept')).candidates).toEqual([]);
    stolen.close();
  });

  test('passes on when its holder has been away for ten minutes, and that is written down', async () => {
    const holder = await TestConnector.join('leaver');
    const held = await holder.link([resource('passed-on')]);
    held.close();
    await held.whenClosed();
    const heir = await TestConnector.join('heir');
    await expect.poll(async () => (await newest('connector.unlinked'))?.object).toBe('leaver');
    await heir.link([resource('passed-on')]);
    expect((await newest('connector.fault'))?.details.reason).toBe('resource_name_taken');
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_: Directory, state) => {
      state.storage.sql.exec('UPDATE connectors SET seen_ms = ? WHERE id = ?', Date.now() - 600_001, holder.id);
    });
    await heir.link([resource('passed-on')]);
    expect((await newest('connector.fault'))?.details).toMatchObject({
      reason: 'resource_taken_over',
      resource: 'passed-on',
      holder: holder.id,
    });
  });

  test('over an hour of pings it never passes on; ten minutes after the last one it does', async () => {
    await runInDurableObject(env.DIRECTORY.get(env.DIRECTORY.idFromName('only')), (_: Directory, state) => {
      const connectors = new Connectors(state.storage.sql);
      const [holder, thief] = [newId('con'), newId('con')];
      const began = Date.now();
      for (const id of [holder, thief]) {
        connectors.invite(id, 'tests', undefined);
        connectors.join({ hash: id, id, name: id.slice(-8), key: id }, began);
      }
      const announced = [Resource.parse(resource('hourly'))];
      connectors.seen(holder, { build: 'tests', protocol: 1, maskingKey: undefined }, began);
      expect(connectors.announce(holder, announced, {}, began)).toEqual({ refused: [], takenOver: [], differ: [] });
      const at = (minute: number) => began + minute * 60_000;
      for (let minute = 1; minute <= 60; minute++) {
        const { refused } = connectors.announce(thief, announced, { [holder]: at(minute) - 10_000 }, at(minute));
        expect(refused.map((contest) => contest.resource)).toEqual(['hourly']);
      }
      connectors.seen(holder, undefined, at(60));
      expect(connectors.announce(thief, announced, {}, at(69)).refused).toHaveLength(1);
      expect(connectors.announce(thief, announced, {}, at(70)).takenOver).toHaveLength(1);
    });
  });
});

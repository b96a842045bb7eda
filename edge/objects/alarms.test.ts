import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { IssuedGrant } from '../../core/api.ts';
import { newId, systemIdSource } from '../../core/ids.ts';
import { hashToken, newToken } from '../keys.ts';
import { BROWSER_IDLE_MS, BROWSER_SESSION_MS } from '../storage/browser-sessions.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs, person } from '../test/people.ts';
import { remote } from './rpc.ts';
import { audit } from '../test/grants.ts';

const HOUR_MS = 3_600_000;
const only = <T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>) =>
  namespace.get(namespace.idFromName('only'));
const directorySql = (act: (sql: SqlStorage) => void) =>
  runInDurableObject(only(env.DIRECTORY), (_object, state) => act(state.storage.sql));
const grantsSql = (act: (sql: SqlStorage) => void) =>
  runInDurableObject(only(env.GRANTS), (_object, state) => act(state.storage.sql));

let alice: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
});

describe('browser sessions', () => {
  const start = async () => {
    const hash = await hashToken(newToken('gbs', systemIdSource.random));
    await remote(env.DIRECTORY).startBrowserSession(hash, person('alice'));
    return hash;
  };

  test('end after a time unused, and after a time in any case', async () => {
    const idle = await start();
    const old = await start();
    const fresh = await start();
    await directorySql((sql) => {
      sql.exec('UPDATE browser_sessions SET seen_ms = ? WHERE hash = ?', Date.now() - BROWSER_IDLE_MS, idle);
      sql.exec('UPDATE browser_sessions SET expires_ms = ? WHERE hash = ?', Date.now(), old);
    });
    expect(await remote(env.DIRECTORY).browserSession(idle)).toBeUndefined();
    expect(await remote(env.DIRECTORY).browserSession(old)).toBeUndefined();
    expect(await remote(env.DIRECTORY).browserSession(fresh)).toMatchObject({ email: 'alice@example.com' });
    expect(BROWSER_SESSION_MS).toBeGreaterThan(BROWSER_IDLE_MS);
    await runDurableObjectAlarm(only(env.DIRECTORY));
    await directorySql((sql) => {
      const left = sql
        .exec('SELECT hash FROM browser_sessions')
        .toArray()
        .map((row) => row.hash);
      expect(left).toContain(fresh);
      expect(left).not.toContain(idle);
      expect(left).not.toContain(old);
    });
  });
});

test('an API token ends', async () => {
  const caller = await callerAs('alice');
  await directorySql((sql) => {
    sql.exec('UPDATE api_tokens SET expires_ms = ?', Date.now());
  });
  expect((await caller.get('/me')).status).toBe(401);
  alice = await callerAs('alice');
});

describe('grants', () => {
  test('a session that its connector lost and never reported is closed, and that is written down', async () => {
    const lossy = await TestConnector.join('lossy');
    const link = await lossy.link([resource('lossy-db')]);
    const { grant } = await (
      await alice.send('POST', '/requests', { resource: 'lossy-db', reason: 'r' })
    ).json<IssuedGrant>();
    const session = newId('ses');
    await link.openSession(grant.id, session);
    link.close();
    await link.whenClosed();
    await lossy.link([resource('lossy-db')], []);
    await grantsSql((sql) => {
      sql.exec('UPDATE sessions SET lost_ms = lost_ms - ? WHERE session = ?', 2 * HOUR_MS, session);
    });
    await runDurableObjectAlarm(only(env.GRANTS));
    const { entries } = await audit.list({ kind: 'session.ended', limit: 1 });
    expect(entries[0]).toMatchObject({ actor: 'gatehouse', object: session, details: { reason: 'connector_crashed' } });
  });

  test('a session whose connector never comes back is closed an hour after its grant ended', async () => {
    const gone = await TestConnector.join('gone');
    const link = await gone.link([resource('gone-db')]);
    const open = async () => {
      const asked = await alice.send('POST', '/requests', { resource: 'gone-db', reason: 'r' });
      const { grant } = await asked.json<IssuedGrant>();
      const session = newId('ses');
      await link.openSession(grant.id, session);
      return { session, grant: grant.id };
    };
    const [over, recent] = [await open(), await open()];
    link.close();
    await link.whenClosed();
    await grantsSql((sql) => {
      const ended = (hours: number, grant: string) =>
        sql.exec('UPDATE grants SET until_ms = ? WHERE id = ?', Date.now() - hours * HOUR_MS, grant);
      ended(1.1, over.grant);
      ended(0.9, recent.grant);
    });
    await runDurableObjectAlarm(only(env.GRANTS));
    expect(await remote(env.GRANTS).runningSession(over.session)).toBeUndefined();
    expect(await remote(env.GRANTS).runningSession(recent.session)).toBeDefined();
    const { entries } = await audit.list({ kind: 'session.ended', limit: 1 });
    expect(entries[0]).toMatchObject({ object: over.session, details: { reason: 'connector_crashed' } });
  });

  test('nothing is left to check a secret against two days after a grant ended', async () => {
    const { grant } = await (
      await alice.send('POST', '/requests', { resource: 'lossy-db', reason: 'r' })
    ).json<IssuedGrant>();
    await grantsSql((sql) => {
      sql.exec('UPDATE grants SET until_ms = ? WHERE id = ?', Date.now() - 49 * HOUR_MS, grant.id);
    });
    await runDurableObjectAlarm(only(env.GRANTS));
    await grantsSql((sql) => {
      expect(sql.exec('SELECT stored_key, server_key FROM grants WHERE id = ?', grant.id).one()).toEqual({
        stored_key: '',
        server_key: '',
      });
    });
  });
});

describe('the link', () => {
  test('a connection that never says hello is closed', async () => {
    const mute = await TestConnector.join('mute');
    const link = await mute.open();
    const stub = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(mute.id));
    await runInDurableObject(stub, (_object, state) => {
      for (const socket of state.getWebSockets()) {
        socket.serializeAttachment({ ...socket.deserializeAttachment(), openedMs: Date.now() - 20_000 });
      }
    });
    await runDurableObjectAlarm(stub);
    expect((await link.whenClosed()).code).toBe(4408);
  });

  test('a link that went silent is closed and counts as offline', async () => {
    const silent = await TestConnector.join('silent');
    const link = await silent.link([]);
    const stub = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(silent.id));
    expect(await stub.isLinked()).toBe(true);
    await runInDurableObject(stub, (_object, state) => {
      for (const socket of state.getWebSockets()) {
        socket.serializeAttachment({ ...socket.deserializeAttachment(), openedMs: Date.now() - 60_000 });
      }
    });
    expect(await stub.isLinked()).toBe(false);
    await runDurableObjectAlarm(stub);
    expect((await link.whenClosed()).code).toBe(4408);
    const { entries } = await audit.list({ kind: 'connector.unlinked', limit: 1 });
    expect(entries[0]?.actor).toBe(`connector:${silent.id}`);
  });
});

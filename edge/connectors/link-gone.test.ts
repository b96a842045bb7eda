// What becomes of sessions when the link of their connector goes: those that nobody carries free their place.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import type { ListedGrant } from '../../core/api.ts';
import type { FromConnector } from '../../core/control.ts';
import { GrantId, newId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { grantFor, newest } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';

const only = <T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>) =>
  namespace.get(namespace.idFromName('only'));

let alice: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
});

async function liveOn(grant: string): Promise<number | undefined> {
  const { grants } = await (await alice.get('/grants')).json<{ grants: ListedGrant[] }>();
  return grants.find(({ id }) => id === grant)?.liveSessions;
}

/** The grants' object answers nobody until the function that this gives is called. Objects share flags, and no promises. */
async function holdGrants(): Promise<() => Promise<void>> {
  const it = { isHeld: false, isReleased: false };
  const holding = runInDurableObject(only(env.GRANTS), (_object, state) =>
    state.blockConcurrencyWhile(async () => {
      it.isHeld = true;
      while (!it.isReleased) await scheduler.wait(1);
    }),
  );
  await expect.poll(() => it.isHeld).toBe(true);
  return async () => {
    it.isReleased = true;
    await holding;
  };
}

test('an admission that cannot be told any more is taken back: it counts no longer, and never began', async () => {
  const connector = await TestConnector.join('late');
  const link = await connector.link([resource('late-db')]);
  const grant = await grantFor(alice, 'late-db');
  const session = newId('ses');
  const release = await holdGrants();
  link.send({
    kind: 'session.open',
    call: 1,
    session,
    grant: GrantId.parse(grant.id),
    client: { address: '10.0.0.9' },
  } as FromConnector);
  // The connector dies before it hears: all that the edge sees is its link's end.
  link.close();
  await link.whenClosed();
  await release();
  await expect
    .poll(async () => (await newest('session.ended'))?.details)
    .toMatchObject({ reason: 'log_failed', neverBegan: true });
  expect(await newest('session.ended')).toMatchObject({ actor: 'gatehouse', object: session });
  expect(await liveOn(grant.id)).toBe(0);
  expect(await remote(env.GRANTS).connectorOf(session)).toBeUndefined();
});

test('nothing is opened over a link that its connector replaced: what it carries it has told since', async () => {
  const connector = await TestConnector.join('replaced');
  await connector.link([resource('replaced-db')]);
  const grant = await grantFor(alice, 'replaced-db');
  const link = await connector.link([resource('replaced-db')]);
  const late = { session: newId('ses'), grant: GrantId.parse(grant.id), address: '10.0.0.9', link: 'an earlier one' };
  const [opened] = await remote(env.GRANTS).openAll([late], connector.id);
  expect(opened).toMatchObject({ ok: false, error: 'edge_unreachable' });
  expect(await liveOn(grant.id)).toBe(0);
  expect((await link.openSession(grant.id)).kind).toBe('session.admitted');
});

test('a connector that is back without its sessions frees their places at once', async () => {
  const connector = await TestConnector.join('restarted');
  const before = await connector.link([resource('restarted-db')]);
  const grant = await grantFor(alice, 'restarted-db');
  const kept = newId('ses');
  await before.openSession(grant.id, kept);
  await before.openSession(grant.id);
  expect(await before.openSession(grant.id)).toMatchObject({ reason: 'too_many_sessions' });
  // As a process does that is killed: the old link is not closed, the new one replaces it.
  const after = await connector.link([resource('restarted-db')], [kept]);
  expect(await liveOn(grant.id)).toBe(1);
  expect((await after.openSession(grant.id)).kind).toBe('session.admitted');
  expect(await after.openSession(grant.id)).toMatchObject({ reason: 'too_many_sessions' });
});

test('sessions of a connector that is away count until another may serve its resources, and again when it is back', async () => {
  const holder = await TestConnector.join('vanished');
  const held = await holder.link([resource('inherited')]);
  const grant = await grantFor(alice, 'inherited');
  const sessions = [newId('ses'), newId('ses')];
  for (const session of sessions) await held.openSession(grant.id, session);
  held.close();
  await held.whenClosed();
  await expect.poll(async () => (await newest('connector.unlinked'))?.object).toBe('vanished');
  const ago = (table: DurableObjectNamespace<Rpc.DurableObjectBranded>, sql: string, ms: number) =>
    runInDurableObject(table.get(table.idFromName('only')), (_object, state) => {
      state.storage.sql.exec(sql, Date.now() - ms, holder.id);
    });
  await ago(env.GRANTS, 'UPDATE links SET gone_ms = ? WHERE connector = ? AND gone_ms IS NOT NULL', 590_000);
  expect(await liveOn(grant.id)).toBe(2);

  await ago(env.GRANTS, 'UPDATE links SET gone_ms = ? WHERE connector = ? AND gone_ms IS NOT NULL', 600_001);
  await ago(env.DIRECTORY, 'UPDATE connectors SET seen_ms = ? WHERE id = ?', 600_001);
  const heir = await (await TestConnector.join('successor')).link([resource('inherited')]);
  expect(await liveOn(grant.id)).toBe(0);
  expect((await heir.openSession(grant.id)).kind).toBe('session.admitted');

  // It was cut off and carried them all the while (law 4).
  await holder.link([], sessions);
  expect(await liveOn(grant.id)).toBe(3);
  expect(await heir.openSession(grant.id)).toMatchObject({ reason: 'too_many_sessions' });
});

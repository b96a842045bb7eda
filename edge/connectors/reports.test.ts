// What connectors report over the control link, and what they cannot.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { newId, SessionId } from '../../core/ids.ts';
import { remote } from '../objects/rpc.ts';
import { witnessOf } from '../objects/witness/days.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { audit, grantFor, newest } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';

let alice: Caller;
let connector: TestConnector;
let link: TestLink;
beforeAll(async () => {
  alice = await callerAs('alice');
  connector = await TestConnector.join('first');
  link = await connector.link([resource('demo')]);
});

const counts = { frames: 6, statements: 1, errors: 0, rows: 0, bytes: { client: 1, target: 1, gateway: 0 } };

describe('reports', () => {
  const digest = (byte: string) => byte.repeat(64);

  test('heads go to the witness; the same again is fine, another digest is evidence', async () => {
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    await link.openSession(grant.id, session);
    const head = (number: number, byte: string) => ({
      kind: 'segment.stored',
      session,
      number,
      digest: digest(byte),
      frames: 3,
    });
    await link.report(10, head(0, 'a'));
    await link.report(10, head(0, 'a'));
    await link.report(11, head(1, 'b'));
    await link.report(12, { kind: 'manifest.stored', session, digest: digest('c'), segments: 2, counts: counts });
    await link.report(13, head(0, 'd'));
    expect((await newest('connector.fault'))?.details).toMatchObject({ reason: 'witness_contradicted', number: 0 });
    await link.report(14, head(2, 'e'));
    expect((await newest('connector.fault'))?.details).toMatchObject({ reason: 'witness_contradicted', number: 2 });
    expect(await witnessOf(env).witnessed(session)).toMatchObject({
      heads: [
        { number: 0, digest: digest('a') },
        { number: 1, digest: digest('b') },
      ],
      manifest: { digest: digest('c'), segments: 2 },
    });
  });

  test('one that was refused after it was written down is closed as one that never began', async () => {
    const [grant, session] = [await grantFor(alice, 'demo'), newId('ses')];
    // More groups than go into one message to a connector.
    const groups = Array.from({ length: 1000 }, (_, index) => `demo:${index}`.padEnd(200, 'x'));
    await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_grants, state) => {
      state.storage.sql.exec(
        `UPDATE grants SET identity = json_set(identity, '$.groups', json(?)) WHERE id = ?`,
        JSON.stringify([...groups, 'demo:developers']),
        grant.id,
      );
    });
    expect(await link.openSession(grant.id, session)).toMatchObject({ reason: 'not_supported' });
    await expect
      .poll(async () => await witnessOf(env).witnessed(session))
      .toMatchObject({ heads: [], neverBegan: { reason: 'protocol_fault' } });
    await expect
      .poll(async () => await newest('session.ended'))
      .toMatchObject({ object: session, actor: 'gatehouse', details: { neverBegan: true } });
    expect(await remote(env.GRANTS).runningSession(session)).toBeUndefined();
  });

  test("the end of another's session, and of none, is not written down", async () => {
    const [grant, session, none] = [await grantFor(alice, 'demo'), newId('ses'), newId('ses')];
    await link.openSession(grant.id, session);
    const liar = await (await TestConnector.join('liar')).link([resource('liars-db')]);
    const over = { kind: 'session.ended', reason: 'client_closed', at: new Date().toISOString() };
    await liar.report(1, { ...over, session, message: 'over, says another' });
    expect((await newest('connector.fault'))?.details).toEqual({
      reason: 'witness_foreign_session',
      report: 'session.ended',
      session,
    });
    // Its link broke while it asked: it cannot know that it was never let in.
    await liar.report(2, { ...over, session: none, message: 'never begun', neverBegan: true });
    await liar.report(3, { ...over, session: none, message: 'x'.repeat(100_000) });
    expect((await newest('connector.fault'))?.details.session).toBe(none);
    const ends = (await audit.list({ kind: 'session.ended', limit: 500 })).entries.map(({ object }) => object);
    expect(ends.filter((id) => id === session || id === none)).toEqual([]);
    expect(await remote(env.GRANTS).runningSession(session)).toBeDefined();
    await link.report(90, { ...over, session, message: 'y'.repeat(100_000) });
    expect(String((await newest('session.ended'))?.details.message)).toHaveLength(1_000);
  });

  test('a session that never began is witnessed as one, unless something was stored of it', async () => {
    const grant = await grantFor(alice, 'demo');
    const [none, some] = [newId('ses'), newId('ses')];
    const stored = { kind: 'segment.stored', number: 0, digest: digest('a'), frames: 3 };
    const over = { kind: 'session.ended', reason: 'log_failed', message: 'full', neverBegan: true };
    const at = new Date().toISOString();
    for (const session of [none, some]) await link.openSession(grant.id, session);
    await link.report(20, { ...over, session: none, at });
    expect(await witnessOf(env).witnessed(none)).toMatchObject({
      heads: [],
      neverBegan: { reason: 'log_failed' },
    });
    expect((await newest('session.ended'))?.details).toMatchObject({ reason: 'log_failed', neverBegan: true });
    await link.report(21, { ...stored, session: none });
    expect((await newest('connector.fault'))?.details).toMatchObject({ reason: 'witness_contradicted', session: none });
    await link.report(22, { ...stored, session: some });
    await link.report(23, { ...over, session: some, at });
    expect((await newest('connector.fault'))?.details).toMatchObject({ reason: 'witness_contradicted', session: some });
    expect(await witnessOf(env).witnessed(some)).not.toHaveProperty('neverBegan');
  });

  test('another connector cannot speak for a session, nor for one nobody admitted', async () => {
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    await link.openSession(grant.id, session);
    const foreign = await TestConnector.join('foreign');
    const held = await foreign.link([]);
    for (const named of [session, newId('ses')]) {
      await held.report(1, { kind: 'segment.stored', session: named, number: 0, digest: digest('f'), frames: 1 });
      expect((await newest('connector.fault'))?.details).toMatchObject({
        reason: 'witness_foreign_session',
        session: named,
      });
    }
    await held.report(2, {
      kind: 'session.ended',
      session,
      reason: 'client_closed',
      message: '',
      at: new Date().toISOString(),
    });
    expect((await remote(env.GRANTS).list('alice@example.com')).find(({ id }) => id === grant.id)?.liveSessions).toBe(
      1,
    );
  });

  test('a report that comes twice is written down once', async () => {
    const report = {
      kind: 'attempt.refused',
      email: 'x@example.com',
      resource: 'demo',
      protocol: 'postgres',
      reason: 'credentials_wrong',
      clientAddress: '10.1.1.1',
      at: '2026-11-20T10:00:00.000Z',
    };
    const count = async () =>
      (await audit.list({ kind: 'attempt.refused', actor: `connector:${connector.id}`, limit: 100 })).entries.length;
    const before = await count();
    await link.report(100, report);
    await link.report(100, report);
    expect(await count()).toBe(before + 1);
    // A connector that lost its count begins anew; what it says then is news.
    await link.report(100, { ...report, clientAddress: '10.1.1.2' });
    expect(await count()).toBe(before + 2);
  });

  test('sessions that a returning connector no longer has stop counting', async () => {
    const lossy = await TestConnector.join('lossy');
    const before = await lossy.link([resource('lossy-db')]);
    const grant = await grantFor(alice, 'lossy-db');
    const session = SessionId.parse(newId('ses'));
    await before.openSession(grant.id, session);
    before.close();
    await before.whenClosed();
    await lossy.link([resource('lossy-db')], []);
    expect((await remote(env.GRANTS).list('alice@example.com')).find(({ id }) => id === grant.id)?.liveSessions).toBe(
      0,
    );
  });
});

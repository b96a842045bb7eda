// Grants and sessions over the control link: looked up, opened, revoked.

import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ListedGrant } from '../../core/api.ts';
import { secretDigest } from '../../core/grant.ts';
import { GrantId, newId } from '../../core/ids.ts';
import { fromBase64, isScramSecret } from '../../core/scram.ts';
import { witnessOf } from '../objects/witness/days.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { audit, grantFor, newest } from '../test/grants.ts';
import { type Caller, callerAs, person } from '../test/people.ts';

let alice: Caller;
let bob: Caller;
let connector: TestConnector;
let link: TestLink;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  connector = await TestConnector.join('first');
  link = await connector.link([resource('demo'), resource('vault')]);
  await (await TestConnector.join('second')).link([resource('elsewhere')]);
});

describe('looking up grants', () => {
  test('finds the grant, whose secret fits the verifier', async () => {
    const grant = await grantFor(alice, 'demo');
    const found = await link.lookUp('Alice@Example.com', 'demo');
    const candidate = found.candidates.find(({ id }) => id === grant.id);
    expect(candidate).toMatchObject({ revoked: false, until: grant.until });
    if (!candidate) throw new Error('not found');
    const salt = fromBase64(found.salt);
    expect(await isScramSecret(grant.secret, salt, found.iterations, candidate.verifier)).toBe(true);
    expect(await isScramSecret(`${grant.secret}x`, salt, found.iterations, candidate.verifier)).toBe(false);
  });

  test('unknown people and resources look like known ones without a grant', async () => {
    for (const [email, name] of [
      ['nobody@example.com', 'demo'],
      ['alice@example.com', 'no-such-resource'],
      ['not an address', 'demo'],
    ] as const) {
      const first = await link.lookUp(email, name);
      expect(first.candidates).toEqual([]);
      expect(first.salt).toBe((await link.lookUp(email, name)).salt);
      expect(fromBase64(first.salt).length).toBe(16);
    }
    expect((await link.lookUp('nobody@example.com', 'demo')).salt).not.toBe(
      (await link.lookUp('alice@example.com', 'demo')).salt,
    );
  });

  test('by its secret alone: whose grant it is, and a verifier that the secret fits', async () => {
    const grant = await grantFor(alice, 'demo');
    const digest = await secretDigest(grant.secret);
    const found = await link.find(digest, 'demo');
    expect(found).toMatchObject({ email: 'alice@example.com', candidates: [{ id: grant.id, revoked: false }] });
    const [candidate] = found.candidates;
    if (!candidate) throw new Error('not found');
    expect(await isScramSecret(grant.secret, fromBase64(found.salt), found.iterations, candidate.verifier)).toBe(true);

    // Of another resource, of another connector's, of no grant: alike.
    const none = await link.find(await secretDigest('ght_none'), 'demo');
    expect(none).toEqual({ ...none, candidates: [] });
    expect(none).not.toHaveProperty('email');
    expect(await link.find(digest, 'vault')).toMatchObject({ candidates: [] });
    const elsewhere = await grantFor(alice, 'elsewhere');
    expect(await link.find(await secretDigest(elsewhere.secret), 'elsewhere')).toMatchObject({ candidates: [] });

    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'done' });
    expect(await link.find(digest, 'demo')).toMatchObject({ candidates: [{ id: grant.id, revoked: true }] });
  });

  test("another connector's resource has no grants here", async () => {
    const grant = await grantFor(alice, 'elsewhere');
    expect((await link.lookUp('alice@example.com', 'elsewhere')).candidates).toEqual([]);
    const refused = await link.openSession(grant.id);
    expect(refused).toMatchObject({ kind: 'session.refused', reason: 'resource_unknown' });
    expect((await newest('connector.fault'))?.details.reason).toBe('session_of_foreign_resource');
  });
});

describe('opening sessions', () => {
  test('admits, tells what to record, and has it in the audit log and at the witness first', async () => {
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    const admitted = await link.openSession(grant.id, session);
    expect(admitted).toMatchObject({
      kind: 'session.admitted',
      opened: {
        session,
        resource: 'demo',
        protocol: 'postgres',
        identity: { email: 'alice@example.com', groups: ['demo:developers'] },
        grant: { id: grant.id, rule: 'demo-developers', obligations: { record: { retainDays: 30 }, maxSessions: 2 } },
      },
    });
    expect(await newest('session.opened')).toMatchObject({ actor: 'alice@example.com', object: session });
    expect(await witnessOf(env).witnessed(session)).toMatchObject({ connector: connector.id, heads: [] });
    // Who may look later, whatever the archive or the next policy says.
    const owned = { admitted: { subject: person('alice').subject, rule: 'demo-developers' }, viewOwn: true };
    expect(await witnessOf(env).admissions([session])).toMatchObject([owned]);
  });

  test('counts sessions up to what the rule allows, and frees them when they end', async () => {
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    expect((await link.openSession(grant.id, session)).kind).toBe('session.admitted');
    expect((await link.openSession(grant.id)).kind).toBe('session.admitted');
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'too_many_sessions' });
    await link.report(1, {
      kind: 'session.ended',
      session,
      reason: 'client_closed',
      message: '',
      at: new Date().toISOString(),
    });
    expect((await link.openSession(grant.id)).kind).toBe('session.admitted');
  });

  test('many at one time are opened together, each for itself, and never more than the rule allows', async () => {
    const grant = await grantFor(alice, 'demo');
    const another = await grantFor(alice, 'demo');
    const twice = newId('ses');
    const answers = await Promise.all([
      ...Array.from({ length: 20 }, () => link.openSession(grant.id)),
      link.openSession(another.id, twice),
      link.openSession(another.id, twice),
      link.openSession(newId('grt')),
    ]);
    const told = answers.map((answer) => (answer.kind === 'session.admitted' ? 'admitted' : answer.reason));
    expect(told.slice(0, 20).sort()).toEqual([...Array(2).fill('admitted'), ...Array(18).fill('too_many_sessions')]);
    expect(told.slice(20)).toEqual(['admitted', 'bad_request', 'credentials_wrong']);
    expect(await audit.verify()).toMatchObject({ whole: true });
  });

  test('an id that was used before is refused, so that rows never change hands', async () => {
    const grant = await grantFor(alice, 'demo');
    const session = newId('ses');
    await link.openSession(grant.id, session);
    expect(await link.openSession(grant.id, session)).toMatchObject({ reason: 'bad_request' });
  });

  test('an ended or unknown grant opens nothing', async () => {
    const grant = await grantFor(alice, 'demo');
    await runInDurableObject(env.GRANTS.get(env.GRANTS.idFromName('only')), (_object, state) => {
      const ended = new Date(Date.now() - 1000).toISOString();
      state.storage.sql.exec(
        `UPDATE grants SET until_ms = ?, document = json_set(document, '$.until', ?) WHERE id = ?`,
        Date.parse(ended),
        ended,
        grant.id,
      );
    });
    expect(await link.openSession(grant.id)).toMatchObject({ reason: 'grant_expired' });
    // Its holder is told so, after proving that they hold it.
    const { candidates } = await link.lookUp('alice@example.com', 'demo');
    expect(candidates.some(({ id }) => id === grant.id)).toBe(true);
    expect(await link.openSession(newId('grt'))).toMatchObject({ reason: 'credentials_wrong' });
  });

  test('an audit log that cannot be written admits nobody and leaves no session behind', async () => {
    const grant = await grantFor(alice, 'demo');
    await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only')), (_object, state) => {
      state.storage.sql.exec('ALTER TABLE entries RENAME TO entries_away');
    });
    const refused = await link.openSession(grant.id);
    await runInDurableObject(env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only')), (_object, state) => {
      state.storage.sql.exec('ALTER TABLE entries_away RENAME TO entries');
    });
    expect(refused).toMatchObject({ kind: 'session.refused', reason: 'edge_unreachable' });
    const live = async () => {
      const { grants } = await (await alice.get('/grants')).json<{ grants: ListedGrant[] }>();
      return grants.find(({ id }) => id === grant.id)?.liveSessions;
    };
    await expect.poll(live).toBe(0);
  });
});

describe('revoking', () => {
  test('reaches the connector within a second, and opens nothing afterwards', async () => {
    const grant = await grantFor(alice, 'demo');
    await link.openSession(grant.id);
    const begun = performance.now();
    const revoked = await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'done' });
    await link.next('grant.revoked', (message) => message.grant === grant.id);
    expect(performance.now() - begun).toBeLessThan(1000);
    expect(await revoked.json()).toMatchObject({ state: 'revoked', liveSessions: 1 });
    expect(await link.openSession(grant.id)).toMatchObject({ reason: 'grant_revoked' });
    const { candidates } = await link.lookUp('alice@example.com', 'demo');
    expect(candidates.find(({ id }) => id === grant.id)?.revoked).toBe(true);
    expect(await newest('grant.revoked')).toMatchObject({ actor: 'alice@example.com', object: grant.id });
  });

  test("administrators revoke anybody's, others only their own", async () => {
    const grant = await grantFor(alice, 'demo');
    const mallory = await callerAs('mallory');
    expect((await mallory.send('POST', `/grants/${grant.id}/revoke`, { reason: '' })).status).toBe(404);
    expect((await bob.send('POST', `/grants/${grant.id}/revoke`, { reason: 'incident' })).status).toBe(200);
    expect((await bob.send('POST', `/grants/${newId('grt')}/revoke`, { reason: '' })).status).toBe(404);
  });

  test('what a connector missed while it was away it hears when it links again', async () => {
    const away = await TestConnector.join('away');
    const before = await away.link([resource('away-db')]);
    const grant = await grantFor(alice, 'away-db');
    const session = newId('ses');
    await before.openSession(grant.id, session);
    before.close();
    await before.whenClosed();
    await alice.send('POST', `/grants/${grant.id}/revoke`, { reason: 'gone' });
    const after = await away.link([resource('away-db')], [session]);
    expect(await after.next('grant.revoked')).toMatchObject({ grant: grant.id, reason: 'gone' });
  });

  test('an admission that was under way when the grant was revoked is taken back', async () => {
    const grant = await grantFor(alice, 'demo');
    const stub = env.CONNECTOR_LINK.get(env.CONNECTOR_LINK.idFromName(connector.id));
    await runInDurableObject(stub, (object) => {
      // The push comes first, the answer of the grants' object after it.
      object.push({ kind: 'grant.revoked', grant: GrantId.parse(grant.id), reason: 'race' });
    });
    expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused', reason: 'grant_revoked' });
  });
});

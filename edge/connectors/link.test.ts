import { evictDurableObject, runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import type { IssuedGrant, ListedGrant } from '../../core/api.ts';
import { GrantId, newId, SessionId } from '../../core/ids.ts';
import { fromBase64, isScramSecret } from '../../core/scram.ts';
import { remote } from '../objects/rpc.ts';
import { EDGE } from '../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';

const audit = remote(env.AUDIT_LOG);
const newest = async (kind: string) => (await audit.list({ kind, limit: 1 })).entries[0];
const grantFor = async (who: Caller, name: string): Promise<IssuedGrant['grant']> =>
  (await (await who.send('POST', '/requests', { resource: name, reason: 'tests' })).json<IssuedGrant>()).grant;

let alice: Caller;
let bob: Caller;
let connector: TestConnector;
let other: TestConnector;
let link: TestLink;

beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  connector = await TestConnector.join('first');
  other = await TestConnector.join('second');
  link = await connector.link([resource('demo'), resource('vault')]);
  await other.link([resource('elsewhere')]);
});

describe('joining', () => {
  const join = (body: object) =>
    SELF.fetch(`${EDGE}/api/v1/connectors/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('a join token joins one connector; the same key may ask again, since an answer can be lost', async () => {
    const { token } = await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>();
    const { key } = await TestConnector.newKey();
    const first = await (await join({ token, name: 'a', key })).json();
    expect(await (await join({ token, name: 'a', key })).json()).toEqual(first);
    expect((await join({ token, name: 'b', key: (await TestConnector.newKey()).key })).status).toBe(403);
  });

  test('an unknown token joins nothing and is written down', async () => {
    expect((await join({ token: 'gjt_guess', name: 'a', key: (await TestConnector.newKey()).key })).status).toBe(403);
    expect((await newest('attempt.refused'))?.details.reason).toBe('join_token_wrong');
  });

  test('the token of the settings joins once', async () => {
    await TestConnector.join('automated', 'first-join-token-of-the-tests');
    await expect(TestConnector.join('automated', 'first-join-token-of-the-tests')).rejects.toThrow('403');
  });

  test('a key joins once, under whatever token', async () => {
    const { key } = await TestConnector.newKey();
    const tokens = await Promise.all(
      [1, 2].map(
        async () => (await (await bob.send('POST', '/connectors/join-tokens')).json<{ token: string }>()).token,
      ),
    );
    expect((await join({ token: tokens[0], name: 'a', key })).status).toBe(200);
    expect((await join({ token: tokens[1], name: 'a', key })).status).toBe(409);
  });

  test('only administrators invite', async () => {
    expect((await alice.send('POST', '/connectors/join-tokens')).status).toBe(403);
  });
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
    expect(await remote(env.WITNESS).witnessed(session)).toMatchObject({ connector: connector.id, heads: [] });
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
    held.send({ kind: 'hello', connector: connector.id, build: '', resources: [], live: [] });
    expect((await held.whenClosed()).code).toBe(4400);
  });

  test("a resource's name stays with the connector that holds it", async () => {
    const thief = await TestConnector.join('thief');
    const held = await thief.link([resource('demo')]);
    expect((await newest('connector.fault'))?.details).toMatchObject({
      reason: 'resource_name_taken',
      resource: 'demo',
    });
    await grantFor(alice, 'demo');
    expect((await held.lookUp('alice@example.com', 'demo')).candidates).toEqual([]);
    held.close();
  });
});

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
    expect(await remote(env.WITNESS).witnessed(session)).toMatchObject({
      heads: [
        { number: 0, digest: digest('a') },
        { number: 1, digest: digest('b') },
      ],
      manifest: { digest: digest('c'), segments: 2 },
    });
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
    await link.report(100, { ...report, at: '2026-11-20T10:00:01.000Z' });
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

const counts = { frames: 6, statements: 1, errors: 0, rows: 0, bytes: { client: 1, target: 1, gateway: 0 } };

// SCIM as Entra ID and Okta speak it, against the Worker: people and groups as they come, what a leaver loses and when, and what
// is refused. The requests are written after both vendors' documentation; neither of them was there.

import { runInDurableObject, SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../../core/ids.ts';
import { createApp } from '../app.ts';
import { createDeps } from '../deps.ts';
import { remote } from '../objects/rpc.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector, type TestLink } from '../test/connector.ts';
import { grantFor, newest } from '../test/grants.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { type ScimUserBody, TestDirectory } from '../test/identity/scim.ts';

let bob: Caller;
let directory: TestDirectory;
let link: TestLink;
let serial = 0;
const fresh = () => `person${++serial}`;
beforeAll(async () => {
  bob = await callerAs('bob');
  directory = await TestDirectory.joined(bob);
  link = await (await TestConnector.join('carrier')).link([resource('demo')]);
});

const user = (id: string) => directory.get<ScimUserBody>(`/Users/${id}`);

describe('a user', () => {
  test('is added, found, read, replaced and deleted', async () => {
    const name = fresh();
    const added = await directory.send('POST', '/Users', {
      schemas: [
        'urn:ietf:params:scim:schemas:core:2.0:User',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User',
      ],
      userName: `${name}@example.com`,
      externalId: 'a1',
      name: { givenName: 'Ada', familyName: 'Lovelace' },
      displayName: 'Ada Lovelace',
      emails: [{ primary: true, type: 'work', value: `${name}.work@example.com` }],
      password: 'never-to-be-kept',
      title: 'Countess',
    });
    expect(added.status).toBe(201);
    expect(added.headers.get('content-type')).toBe('application/scim+json');
    const body = await added.json<ScimUserBody>();
    expect(body).toMatchObject({
      userName: `${name}@example.com`,
      active: true,
      groups: [],
      meta: { resourceType: 'User' },
    });
    expect(JSON.stringify(body)).not.toContain('never-to-be-kept');
    expect(added.headers.get('location')).toBe(`${EDGE}/scim/v2/Users/${body.id}`);

    for (const filter of [
      `userName eq "${name.toUpperCase()}@EXAMPLE.com"`,
      `externalId eq "a1" and userName eq "${name}@example.com"`,
      `emails[type eq "work"].value eq "${name}.work@example.com"`,
      `emails.value eq "${name}.work@example.com"`,
      `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "${name}@example.com"`,
    ])
      expect(await directory.get(`/Users?filter=${encodeURIComponent(filter)}`)).toMatchObject({
        schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
        totalResults: 1,
        Resources: [{ id: body.id }],
      });
    const replaced = await directory.send('PUT', `/Users/${body.id}`, {
      userName: `${name}@example.com`,
      displayName: 'Ada',
    });
    expect(await replaced.json()).toMatchObject({ displayName: 'Ada', emails: [], active: true });
    expect((await directory.send('DELETE', `/Users/${body.id}`)).status).toBe(204);
    expect((await directory.send('GET', `/Users/${body.id}`)).status).toBe(404);
    expect((await directory.send('DELETE', `/Users/${body.id}`)).status).toBe(404);
  });

  test('has versions: what changed meanwhile is not overwritten', async () => {
    const id = await directory.add(fresh());
    const etag = (await directory.send('GET', `/Users/${id}`)).headers.get('etag') ?? '';
    expect((await directory.send('GET', `/Users/${id}`, undefined, { 'if-none-match': etag })).status).toBe(304);
    const change = { Operations: [{ op: 'replace', path: 'displayName', value: 'New' }] };
    expect((await directory.send('PATCH', `/Users/${id}`, change, { 'if-match': etag })).status).toBe(200);
    expect((await directory.send('PATCH', `/Users/${id}`, change, { 'if-match': etag })).status).toBe(412);
    expect((await directory.send('DELETE', `/Users/${id}`, undefined, { 'if-match': 'nonsense' })).status).toBe(412);
  });

  test('of a name or an address that is taken, or without any address, is refused', async () => {
    const name = fresh();
    await directory.add(name, { emails: [{ value: `${name}.two@example.com` }] });
    for (const [status, scimType, body] of [
      [409, 'uniqueness', { userName: `${name.toUpperCase()}@example.com` }],
      [409, 'uniqueness', { userName: 'someone.else@example.com', emails: [{ value: `${name}.TWO@example.com` }] }],
      [400, 'invalidValue', { userName: 'no-address' }],
      [400, 'invalidValue', { displayName: 'nobody' }],
      [400, 'invalidValue', { userName: `${fresh()}@example.com`, active: 'perhaps' }],
      [400, 'invalidSyntax', []],
    ] as const) {
      const refused = await directory.send('POST', '/Users', body);
      expect([refused.status, await refused.json()]).toMatchObject([
        status,
        { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), scimType },
      ]);
    }
  });

  test('comes in pages', async () => {
    const all: string[] = [];
    const { totalResults } = await directory.get<{ totalResults: number }>('/Users?count=0');
    for (let startIndex = 1; startIndex <= totalResults; startIndex += 2) {
      const page = await directory.get<{ Resources: ScimUserBody[]; startIndex: number }>(
        `/Users?startIndex=${startIndex}&count=2`,
      );
      expect(page.startIndex).toBe(startIndex);
      all.push(...page.Resources.map(({ id }) => id));
    }
    expect(new Set(all).size).toBe(totalResults);
    expect(await directory.get('/Users?startIndex=-4&count=1')).toMatchObject({ startIndex: 1, itemsPerPage: 1 });
    expect(await directory.get('/Users?startIndex=9999')).toMatchObject({ itemsPerPage: 0, totalResults });
  });

  test('beyond the most there may be is refused', async () => {
    const stub = env.PROVISIONING.get(env.PROVISIONING.idFromName('only'));
    const fill = (statement: string) =>
      runInDurableObject(stub, (_, { storage }) => void storage.sql.exec(statement).toArray());
    await fill(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO scim_users (id, user_name, active, document, version, created_ms, changed_ms)
         SELECT 'fill' || i, 'fill' || i, 1, '{"userName":"x","active":true,"emails":[]}', 1, 0, 0 FROM n`,
    );
    const refused = await directory.send('POST', '/Users', { userName: 'one.more@example.com' });
    expect([refused.status, (await refused.json<{ detail: string }>()).detail]).toEqual([
      403,
      'There are 100000 users, as many as there may be. Assign fewer people.',
    ]);
    expect(await directory.get('/Users?count=1&startIndex=90000')).toMatchObject({ itemsPerPage: 1 });
    await fill(`DELETE FROM scim_users WHERE id LIKE 'fill%'`);
  });
});

describe('a change', () => {
  let id: string;
  beforeEach(async () => {
    id = await directory.add(fresh(), { emails: [{ type: 'work', value: `${fresh()}@example.com` }], active: true });
  });

  // Entra ID with and without its flag, Okta, and the RFC's own forms.
  test.each([
    ['Entra ID: a path, text, a capital', { op: 'Replace', path: 'active', value: 'False' }],
    ['Entra ID: in a list', { op: 'Replace', path: 'active', value: [{ $ref: null, value: 'False' }] }],
    ['Entra ID with the flag', { op: 'replace', path: 'active', value: false }],
    ['Okta: no path, an object', { op: 'replace', value: { active: false } }],
    ['a schema before it', { op: 'replace', path: 'urn:ietf:params:scim:schemas:core:2.0:User:active', value: false }],
    ['other cases', { OP: 'REPLACE', Path: 'ACTIVE', VALUE: 'FALSE' }],
  ])('deactivates: %s', async (_, operation) => {
    const patched = await directory.send('PATCH', `/Users/${id}`, { operations: [operation] });
    expect([patched.status, await patched.json()]).toMatchObject([200, { active: false }]);
  });

  test.each([
    ['of the address by its kind', { op: 'Replace', path: 'emails[type eq "work"].value', value: 'NEW' }],
    ['of an address of a kind that is not there', { op: 'Add', path: 'emails[type eq "other"].value', value: 'NEW' }],
    ['of all addresses', { op: 'replace', value: { emails: [{ value: 'NEW', primary: true }] } }],
  ])('%s', async (_, operation) => {
    const address = `${fresh()}@example.com`;
    const text = JSON.stringify(operation).replace('NEW', address);
    const patched = await directory.patch(`/Users/${id}`, JSON.parse(text));
    expect(patched.status).toBe(200);
    expect((await patched.json<{ emails: { value: string }[] }>()).emails.map(({ value }) => value)).toContain(address);
  });

  test('of several things in one, keys being paths, others passed over', async () => {
    const patched = await directory.patch(`/Users/${id}`, {
      op: 'Add',
      value: {
        'name.givenName': 'Grace',
        displayName: 'Grace Hopper',
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department': 'Navy',
        'addresses[type eq "work"].locality': 'Arlington',
        title: 'Admiral',
      },
    });
    expect(await patched.json()).toMatchObject({ displayName: 'Grace Hopper', name: { givenName: 'Grace' } });
  });

  test.each([
    ['invalidPath', { op: 'replace', path: 'emails[type eq "work"', value: 'x' }],
    ['invalidPath', { op: 'replace', path: '; drop table', value: 'x' }],
    ['invalidSyntax', { op: 'move', path: 'active', value: false }],
    ['invalidValue', { op: 'replace', path: 'active', value: 'nope' }],
    ['mutability', { op: 'remove', path: 'userName' }],
    ['noTarget', { op: 'remove' }],
  ])('is refused as %s, and nothing of it is done', async (scimType, operation) => {
    const refused = await directory.patch(
      `/Users/${id}`,
      { op: 'replace', path: 'displayName', value: 'Half' },
      operation,
    );
    expect([refused.status, await refused.json()]).toMatchObject([400, { scimType }]);
    expect(await user(id)).not.toHaveProperty('displayName');
  });
});

/** With a portal session, a token, a grant and a running session on it. */
async function arrived(name: string) {
  const browser = new Browser();
  await browser.signIn(name);
  const caller = await callerAs(name, ['demo:developers']);
  const grant = await grantFor(caller, 'demo');
  const session = newId('ses');
  expect(await link.openSession(grant.id, session)).toMatchObject({ kind: 'session.admitted' });
  return { browser, caller, grant };
}

describe('a leaver', () => {
  test.each([
    ['deactivated', (id: string) => directory.patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' })],
    ['deleted', (id: string) => directory.send('DELETE', `/Users/${id}`)],
    [
      'deactivated by a PUT',
      (id: string) => directory.send('PUT', `/Users/${id}`, { userName: 'alice@example.com', active: false }),
    ],
  ] as const)(
    'who is %s is out everywhere when the directory hears so, and stays out until they are back',
    async (_, leave) => {
      const id = await directory.add('alice');
      const { browser, caller, grant } = await arrived('alice');
      expect((await leave(id)).status).toBeLessThan(300);

      expect(await link.next('grant.revoked', (message) => message.grant === grant.id)).toMatchObject({
        reason: 'this account was deactivated in the company directory',
      });
      expect((await caller.get('/me')).status).toBe(401);
      expect((await browser.fetch(`${EDGE}/grants`)).headers.get('location')).toContain('/login');
      expect(await link.openSession(grant.id)).toMatchObject({ kind: 'session.refused' });
      expect((await newest('person.ended'))?.actor).toMatch(/^scim:sct_/);
      expect(await newest('person.ended')).toMatchObject({ object: 'alice@example.com', details: { barred: true } });

      const refused = await new Browser().signIn('alice');
      expect(refused.status).toBe(403);
      expect(await refused.text()).toContain('deactivated in the company directory');
      expect(await newest('identity.sign_in_failed')).toMatchObject({ details: { reason: 'deactivated' } });

      // By whichever way: a device login that somebody had approved before, and a chat that knows them by their last sign-in.
      expect(await remote(env.DIRECTORY).personByEmail('alice@example.com')).toBeUndefined();

      if ((await directory.send('GET', `/Users/${id}`)).status === 404) await directory.add('alice');
      else await directory.patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'True' });
      const again = new Browser();
      await again.signIn('alice');
      expect((await again.fetch(`${EDGE}/grants`)).status).toBe(200);
      const found = await directory.get<{ Resources: ScimUserBody[] }>(
        '/Users?filter=userName%20eq%20%22alice@example.com%22',
      );
      await directory.send('DELETE', `/Users/${found.Resources[0]?.id}`);
      await remote(env.DIRECTORY).admit('alice@example.com');
    },
  );

  test('of several addresses is out by each of them, also by one that goes in the same change', async () => {
    const id = await directory.add('mallory', { emails: [{ value: 'alice@example.com' }] });
    await directory.send('PUT', `/Users/${id}`, { userName: 'mallory@example.com', active: false });
    for (const name of ['alice', 'mallory']) expect((await new Browser().signIn(name)).status).toBe(403);
    await directory.send('PUT', `/Users/${id}`, { userName: 'mallory@example.com', active: true });
    expect((await new Browser().signIn('mallory')).status).toBe(302);
    // The other address is nobody's now, and was left by somebody who was out.
    expect((await new Browser().signIn('alice')).status).toBe(403);
    await remote(env.DIRECTORY).admit('alice@example.com');
  });

  test('whose ending could not be finished is ended by the next try, and nobody is told that it was done', async () => {
    const id = await directory.add('carol');
    const browser = new Browser();
    await browser.signIn('carol');
    const log = env.AUDIT_LOG.get(env.AUDIT_LOG.idFromName('only'));
    await runInDurableObject(log, (instance) => {
      const real = instance.append.bind(instance);
      Object.assign(instance, {
        append: (event: { kind: string }) => {
          if (event.kind === 'person.ended') throw new Error('no');
          return real(event as never);
        },
      });
    });
    const failed = await directory.patch(`/Users/${id}`, { op: 'replace', value: { active: false } });
    expect([failed.status, await failed.json()]).toMatchObject([503, { status: '503' }]);
    // Not in by any new sign-in even so.
    expect((await new Browser().signIn('carol')).status).toBe(403);
    await runInDurableObject(log, (instance) => void Reflect.deleteProperty(instance, 'append'));
    expect((await directory.patch(`/Users/${id}`, { op: 'replace', value: { active: false } })).status).toBe(200);
    expect((await browser.fetch(`${EDGE}/grants`)).headers.get('location')).toContain('/login');
    await directory.patch(`/Users/${id}`, { op: 'replace', value: { active: true } });
  });

  test('with SCIM_REQUIRED, whom the directory never told of does not come in', async () => {
    const app = createApp(createDeps({ ...env, SCIM_REQUIRED: 'true' } as typeof env));
    const browser = new Browser();
    // The provider's pages, up to the callback; then the edge as it is set here.
    let response = await app.fetch(new Request(`${EDGE}/login`));
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const [name = '', value = ''] = cookie.split(/=(.*)/s);
    browser.setCookie(EDGE, name, value);
    const back = await browser.follow(response.headers.get('location') ?? '', 'alice');
    response = await app.fetch(new Request(back, { headers: { cookie } }));
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('has not told Gatehouse of you');
  });
});

describe('a group', () => {
  const groupsOf = async (caller: Caller) =>
    (await (await caller.get('/me')).json<{ identity: { groups: string[] } }>()).identity.groups;

  test('counts at the next sign-in beside those of the provider, and in sign-ins that are there', async () => {
    const id = await directory.add('alice');
    const group = await directory.addGroup('On Call', [id]);
    const browser = new Browser();
    await browser.signIn('alice');
    const me = async () =>
      (await (await browser.fetch(`${EDGE}/api/v1/me`)).json<{ identity: { groups: string[] } }>()).identity.groups;
    expect(await me()).toEqual(['demo:developers', 'scim:On Call']);
    expect(await user(id)).toMatchObject({ groups: [{ value: group, display: 'On Call' }] });

    // Okta removes by a filter, Entra ID by a value.
    await directory.patch(`/Groups/${group}`, { op: 'remove', path: `members[value eq "${id}"]` });
    expect(await me()).toEqual(['demo:developers']);
    await directory.patch(`/Groups/${group}`, { op: 'Add', path: 'members', value: [{ $ref: null, value: id }] });
    expect(await me()).toEqual(['demo:developers', 'scim:On Call']);
    await directory.patch(`/Groups/${group}`, { op: 'replace', value: { id: group, displayName: 'Rota' } });
    expect(await me()).toEqual(['demo:developers', 'scim:Rota']);
    await directory.patch(`/Groups/${group}`, { op: 'Remove', path: 'members', value: [{ value: id }] });
    expect(await me()).toEqual(['demo:developers']);
    await directory.send('PUT', `/Groups/${group}`, { displayName: 'Rota', members: [{ value: id }] });
    const caller = await callerAs('alice');
    expect(await groupsOf(caller)).toEqual(['demo:developers']);
    expect((await directory.send('DELETE', `/Groups/${group}`)).status).toBe(204);
    expect(await me()).toEqual(['demo:developers']);
    expect(await newest('scim.member_added')).toMatchObject({
      object: 'alice@example.com',
      details: { group: 'Rota' },
    });
    await directory.send('DELETE', `/Users/${id}`);
    await remote(env.DIRECTORY).admit('alice@example.com');
  });

  test('is found as Entra ID looks for it, without its members', async () => {
    const id = await directory.add(fresh());
    const group = await directory.addGroup('Looked For', [id]);
    const find = (filter: string) =>
      directory.get<{ Resources: object[] }>(`/Groups?excludedAttributes=members&filter=${encodeURIComponent(filter)}`);
    for (const filter of ['displayName eq "looked for"', `id eq "${group}" and members eq "${id}"`]) {
      const { Resources } = await find(filter);
      expect(Resources).toHaveLength(1);
      expect(Resources[0]).not.toHaveProperty('members');
    }
    expect((await find(`id eq "${group}" and members eq "other"`)).Resources).toEqual([]);
    expect(await directory.get(`/Groups/${group}`)).toMatchObject({ members: [{ value: id }] });
  });

  test.each([
    [409, 'uniqueness', { displayName: 'TAKEN' }],
    [400, 'invalidValue', { displayName: 'x', members: [{ value: 'nobody' }] }],
    [400, 'invalidValue', { displayName: 'x', members: [{ value: 'g', type: 'Group' }] }],
    [400, 'invalidValue', { displayName: 'x'.repeat(196) }],
    [400, 'invalidValue', { displayName: 'invis\u200bible' }],
    [400, 'invalidValue', {}],
  ])('is refused with %i %s: %j', async (status, scimType, body) => {
    await directory.send('POST', '/Groups', { displayName: 'taken' });
    const refused = await directory.send('POST', '/Groups', body);
    expect([refused.status, await refused.json()]).toMatchObject([status, { scimType }]);
  });

  test('a policy may name it, and is told when the directory has none of that name', async () => {
    await directory.addGroup('known');
    const rules = 'administrators: ["demo:administrators", "scim:known", "scim:unknown"]\nrules: []\n';
    const applied = await bob.send('PUT', '/policy', { text: rules, stepDown: false });
    const { warnings } = await applied.json<{ warnings: string[] }>();
    expect(applied.status).toBe(200);
    expect(warnings.filter((line) => line.includes('scim:'))).toEqual([expect.stringContaining('scim:unknown')]);
  });
});

describe('the endpoint', () => {
  test('tells what it can', async () => {
    expect(await directory.get('/ServiceProviderConfig')).toMatchObject({
      patch: { supported: true },
      etag: { supported: true },
    });
    expect(await directory.get('/ResourceTypes')).toMatchObject({ totalResults: 2 });
    expect(await directory.get('/ResourceTypes/User')).toMatchObject({ endpoint: '/Users' });
    expect(await directory.get('/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group')).toMatchObject({
      name: 'Group',
    });
  });

  test.each([
    'userName sw "a"',
    'userName eq "a" or userName eq "b"',
    'not (userName eq "a")',
    'userName eq a',
    'password eq "x"',
    `userName eq "${'x'.repeat(1000)}"`,
    'userName eq "a" and',
    `userName eq "a') OR 1=1 --`,
  ])('refuses the filter %s', async (filter) => {
    const refused = await directory.send('GET', `/Users?filter=${encodeURIComponent(filter)}`);
    expect([refused.status, await refused.json()]).toMatchObject([400, { scimType: 'invalidFilter' }]);
  });

  test('refuses other addresses, bodies and large ones in its own form', async () => {
    for (const [status, response] of [
      [404, await directory.send('GET', '/Me')],
      [404, await directory.send('POST', '/Bulk', {})],
      [400, await directory.send('POST', '/Users', {}, { 'content-type': 'text/plain' })],
      [413, await directory.send('POST', '/Users', { userName: 'x'.repeat(1_100_000) })],
    ] as const) {
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'] });
    }
  });

  test('takes a token that is good, and no other; a revoked one no more', async () => {
    const call = (authorization?: string, from = crypto.randomUUID()) =>
      SELF.fetch(`${EDGE}/scim/v2/Users`, {
        headers: { 'cf-connecting-ip': from, ...(authorization !== undefined && { authorization }) },
      });
    for (const wrong of [undefined, 'Bearer', `Bearer gsc_${'a'.repeat(32)}`, `Bearer ${bob.token}`, 'Basic eDp5']) {
      const refused = await call(wrong);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="gatehouse"']);
    }
    expect(await newest('scim.refused')).toMatchObject({ details: { reason: 'no_token' } });
    const statuses = new Set<number>();
    for (let tries = 0; tries < 22; tries++) statuses.add((await call(undefined, 'guesser')).status);
    expect(statuses).toEqual(new Set([401, 429]));

    const made = await (await bob.send('POST', '/scim/tokens', { name: 'okta' })).json<{
      token: string;
      made: { id: string };
    }>();
    expect((await call(`Bearer ${made.token}`)).status).toBe(200);
    expect((await bob.send('POST', `/scim/tokens/${made.made.id}/revoke`)).status).toBe(200);
    expect((await call(`Bearer ${made.token}`)).status).toBe(401);
    expect((await bob.send('POST', `/scim/tokens/${made.made.id}/revoke`)).status).toBe(404);
    const alice = await callerAs('alice');
    for (const refused of [
      await alice.get('/scim'),
      await alice.send('POST', '/scim/tokens', { name: 'mine' }),
      await alice.send('POST', `/scim/tokens/${made.made.id}/revoke`),
    ])
      expect(refused.status).toBe(403);
    // A token for this opens nothing else.
    expect((await SELF.fetch(`${EDGE}/api/v1/me`, { headers: { authorization: `Bearer ${made.token}` } })).status).toBe(
      401,
    );
  });
});

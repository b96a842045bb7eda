import { SELF } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccessAnswer, ApiError, ConnectorList, GrantList, IssuedGrant, Me, ResourceList } from '../../core/api.ts';
import { AuditPage } from '../../core/audit/audit-page.ts';
import { SessionPage } from '../../core/catalogue.ts';
import worker from '../worker.ts';
import { Browser, EDGE } from '../test/browser.ts';
import { resource, TestConnector } from '../test/connector.ts';
import { type Caller, callerAs } from '../test/people.ts';
import { audit } from '../test/grants.ts';

let alice: Caller;
let bob: Caller;
let carol: Caller;
beforeAll(async () => {
  alice = await callerAs('alice');
  bob = await callerAs('bob');
  carol = await callerAs('carol');
  await (await TestConnector.join('api')).link([
    resource('demo'),
    resource('vault'),
    resource('looped', { env: 'demo' }, '127.0.0.1'),
  ]);
});

describe('asking for access', () => {
  const ask = (body: object, who = alice) => who.send('POST', '/requests', body);

  test('gives a grant with its secret and the line to paste', async () => {
    const answer = AccessAnswer.parse(
      await (await ask({ resource: 'demo', reason: 'look', seconds: 600, task: 'T-1' })).json(),
    );
    if (!('grant' in answer)) throw new Error('no grant');
    expect(answer.grant.secret).toMatch(/^ght_[a-z2-7]{32}$/);
    expect(answer.connect.psql).toBe(
      `PGPASSWORD=${answer.grant.secret} psql "host=db.example.com port=5432 user=alice@example.com#demo sslmode=verify-full sslrootcert=gatehouse-ca.pem"`,
    );
    const left = Date.parse(answer.grant.until) - Date.now();
    expect(left).toBeGreaterThan(590_000);
    expect(left).toBeLessThanOrEqual(600_000);
    const { entries } = await audit.list({ actor: 'alice@example.com', limit: 2 });
    expect(entries.map(({ kind }) => kind)).toEqual(['grant.issued', 'request.made']);
    expect(JSON.stringify(entries)).not.toContain(answer.grant.secret);
  });

  test('prefers TLS and does not ask for it where the listener is on loopback', async () => {
    const answer = AccessAnswer.parse(await (await ask({ resource: 'looped', reason: 'r' })).json());
    expect('connect' in answer && answer.connect.psql).toContain('sslmode=prefer');
  });

  test.each([
    ['a rule that denies', { resource: 'vault', reason: 'r' }, 403, 'denied'],
    ['no reason', { resource: 'demo' }, 403, 'denied'],
    ['too long', { resource: 'demo', reason: 'r', seconds: 7200 }, 403, 'denied'],
    ['a resource that is not there', { resource: 'nowhere', reason: 'r' }, 404, 'not_found'],
    ['a name that cannot be', { resource: 'No Where', reason: 'r' }, 400, 'bad_request'],
    ['a minus for seconds', { resource: 'demo', reason: 'r', seconds: -1 }, 400, 'bad_request'],
    ['nothing', {}, 400, 'bad_request'],
    ['a key that there is none of', { resource: 'demo', reason: 'r', second: 60 }, 400, 'bad_request'],
  ])('refuses %s', async (_what, body, status, reason) => {
    const response = await ask(body);
    expect(response.status).toBe(status);
    expect(ApiError.parse(await response.json()).error.reason).toBe(reason);
  });

  test('writes down who was denied and by which rule', async () => {
    await ask({ resource: 'vault', reason: 'r' });
    const { entries } = await audit.list({ kind: 'request.denied', limit: 1 });
    expect(entries[0]).toMatchObject({ actor: 'alice@example.com', object: 'vault', details: { rule: 'no-vault' } });
  });

  test('the secret is nowhere but in the answer', async () => {
    const answer = AccessAnswer.parse(await (await ask({ resource: 'demo', reason: 'r' })).json());
    const secret = 'grant' in answer ? answer.grant.secret : '';
    expect(await (await alice.get('/grants')).text()).not.toContain(secret);
    expect(await (await carol.get('/audit?limit=500')).text()).not.toContain(secret);
  });
});

test('every answer has the shape of the contract', async () => {
  Me.parse(await (await alice.get('/me')).json());
  const { resources } = ResourceList.parse(await (await alice.get('/resources')).json());
  expect(resources.find(({ name }) => name === 'demo')).toMatchObject({
    mayAsk: true,
    connector: { name: 'api', online: true },
  });
  expect(resources.find(({ name }) => name === 'vault')).toMatchObject({ mayAsk: false });
  GrantList.parse(await (await alice.get('/grants')).json());
  ConnectorList.parse(await (await alice.get('/connectors')).json());
  SessionPage.parse(await (await alice.get('/sessions')).json());
  AuditPage.parse(await (await carol.get('/audit')).json());
});

test("one sees one's own grants; administrators and auditors see all", async () => {
  await bob.send('POST', '/requests', { resource: 'demo', reason: 'r' });
  const holders = async (who: Caller) =>
    new Set(GrantList.parse(await (await who.get('/grants')).json()).grants.map(({ email }) => email));
  expect(await holders(alice)).toEqual(new Set(['alice@example.com']));
  expect((await holders(bob)).has('alice@example.com')).toBe(true);
  expect((await holders(carol)).has('bob@example.com')).toBe(true);
});

describe('the policy', () => {
  test('administrators apply a new version; a bad one is named and changes nothing', async () => {
    const before = await (await bob.get('/policy')).json<{ version: number; text: string }>();
    const bad = await bob.send('PUT', '/policy', { text: before.text.replace('who:', 'whom:') });
    expect(bad.status).toBe(400);
    expect(ApiError.parse(await bad.json()).error.message).toMatch(
      /^line 7, column 5: rules\[0\]\.whom: is not known here/,
    );
    expect(await (await bob.get('/policy')).json()).toEqual(before);
    const applied = await bob.send('PUT', '/policy', { text: `# again\n${before.text}` });
    expect(await applied.json()).toMatchObject({ version: before.version + 1, appliedBy: 'bob@example.com' });
    const stale = await bob.send('PUT', '/policy', { text: before.text, after: before.version });
    expect([stale.status, ApiError.parse(await stale.json()).error.reason]).toEqual([409, 'conflict']);
    expect((await alice.send('PUT', '/policy', { text: before.text })).status).toBe(403);
    expect((await alice.get('/policy')).status).toBe(403);
  });

  test('a grant says what is masked under it', async () => {
    const { text } = await (await bob.get('/policy')).json<{ text: string }>();
    const ask = async () =>
      IssuedGrant.parse(await (await alice.send('POST', '/requests', { resource: 'looped', reason: 'r' })).json())
        .grant;
    const first = await ask();
    expect(first.masks).toBeUndefined();
    await alice.send('POST', `/grants/${first.id}/revoke`, { reason: 'again' });
    const masked = text.replace(
      '  - name: guarded',
      "    mask: [{ columns: ['people.ssn'], with: partial }, { detect: [iban], with: partial }]\n  - name: guarded",
    );
    expect((await bob.send('PUT', '/policy', { text: masked })).status).toBe(200);
    expect((await ask()).masks).toEqual(['people.ssn', 'iban']);
    await bob.send('PUT', '/policy', { text });
  });

  test('a new version reaches linked connectors, for their live sessions', async () => {
    const link = await (await TestConnector.join('policy')).link([resource('policy-db')]);
    const granted = await alice.send('POST', '/requests', { resource: 'policy-db', reason: 'tests' });
    const opened = await link.openSession(IssuedGrant.parse(await granted.json()).grant.id);
    const { version, text } = await (await bob.get('/policy')).json<{ version: number; text: string }>();
    expect(opened).toMatchObject({
      kind: 'session.admitted',
      rules: { policyVersion: version, rule: 'demo-developers' },
    });
    await bob.send('PUT', '/policy', { text });
    expect(await link.next('rules.in_force')).toMatchObject({
      policyVersion: version + 1,
      sessions: [opened.kind === 'session.admitted' && opened.opened.session],
      rules: { rule: 'demo-developers', policyVersion: version + 1 },
    });
  });
});

describe('the border', () => {
  const post = (headers: Record<string, string>, body: string) =>
    SELF.fetch(`${EDGE}/api/v1/requests`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.token}`, ...headers },
      body,
    });

  test('nobody comes in without signing in, or with a made-up token', async () => {
    for (const headers of [
      {},
      { authorization: 'Bearer gat_guess' },
      { authorization: `Basic ${btoa('a:b')}` },
      { cookie: '__Host-gatehouse=gbs_x' },
    ]) {
      const response = await SELF.fetch(`${EDGE}/api/v1/me`, { headers });
      expect(response.status).toBe(401);
      expect(ApiError.parse(await response.json()).error.reason).toBe('unauthorized');
    }
  });

  test('a bad Authorization header is not made good by a cookie', async () => {
    const browser = new Browser();
    await browser.signIn('alice');
    expect((await browser.fetch(`${EDGE}/api/v1/me`, { headers: { authorization: 'Bearer gat_guess' } })).status).toBe(
      401,
    );
  });

  test('bodies: JSON only, and not without end', async () => {
    expect((await post({ 'content-type': 'text/plain' }, '{}')).status).toBe(415);
    expect((await post({ 'content-type': 'application/x-www-form-urlencoded' }, 'resource=demo')).status).toBe(415);
    expect((await post({ 'content-type': 'application/json' }, '{')).status).toBe(400);
    expect((await post({ 'content-type': 'application/json' }, `"${'x'.repeat(600_000)}"`)).status).toBe(413);
  });

  test('no other origin may read or write', async () => {
    const response = await SELF.fetch(`${EDGE}/api/v1/me`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect((await post({ 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' }, '{}')).status).toBe(403);
  });

  test.each(['/', '/api/v1/me', '/api/v1/health', '/nothing/here', '/ca.pem', '/login/callback'])(
    '%s carries the security headers',
    async (path) => {
      const { headers } = await SELF.fetch(EDGE + path, { redirect: 'manual' });
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('strict-transport-security')).toBeNull();
    },
  );

  test('HSTS where the address is https', async () => {
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const response = await worker.fetch(
      new Request('https://g.example/api/v1/health'),
      { ...env, PUBLIC_URL: 'https://g.example' } as typeof env,
      context,
    );
    expect(response.headers.get('strict-transport-security')).toContain('max-age=63072000');
  });

  test('a missing setting is named, and no value is shown', async () => {
    const context = { waitUntil() {}, passThroughOnException() {}, props: {} } as unknown as ExecutionContext;
    const response = await worker.fetch(
      new Request(EDGE),
      { ...env, OIDC_CLIENT_ID: undefined, EDGE_SECRET: 'c2hvcnQtc2VjcmV0' } as unknown as typeof env,
      context,
    );
    expect(response.status).toBe(503);
    const { error } = ApiError.parse(await response.json());
    expect(error.message).toContain('OIDC_CLIENT_ID: missing');
    expect(error.message).toContain('EDGE_SECRET: expected at least 32 bytes');
    expect(error.message).not.toContain('c2hvcnQtc2VjcmV0');
  });
});

test('the OpenAPI document names every route and is made from the schemas', async () => {
  const document = await (await SELF.fetch(`${EDGE}/api/v1/openapi.json`)).json<{ paths: Record<string, object> }>();
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  for (const route of [
    'get /me',
    'get /resources',
    'post /requests',
    'get /requests/{id}',
    'get /grants',
    'post /grants/{id}/revoke',
    'get /connectors',
    'post /connectors/join-tokens',
    'post /connectors/join',
    'post /connectors/certificate',
    'get /sessions',
    'get /sessions/{id}',
    'get /sessions/{id}/actions',
    'get /sessions/{id}/replay',
    'get /sessions/{id}/export',
    'get /sessions/{id}/objects',
    'get /sessions/{id}/objects/{name}',
    'get /witness',
    'get /witness/{id}',
    'get /audit',
    'get /audit/verify',
    'get /policy',
    'put /policy',
    'post /device/code',
    'post /device/token',
    'post /device/decision',
    'delete /token',
  ])
    expect(routes).toContain(route);
  expect(JSON.stringify(document)).toContain('liveSessions');
});

test.each([
  '/sessions?emial=bob@example.com',
  '/sessions/01JAAAAAAAAAAAAAAAAAAAAAAA/actions?offset=3',
  '/approvals?stat=all',
  '/audit?who=bob@example.com',
  '/witness?from=2026-01-01',
  '/audit/pieces?before=x',
])('a question that is misspelt is refused, and not answered as if it were not there: %s', async (path) => {
  const response = await carol.get(path);
  expect(response.status).toBe(400);
  expect(await response.text()).toMatch(/emial|offset|stat|who|from|before/);
});

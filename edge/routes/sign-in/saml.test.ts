import { env } from 'cloudflare:workers';
import type { Hono } from 'hono';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../app.ts';
import { createDeps } from '../../deps.ts';
import { SAML_COOKIE, SESSION_COOKIE } from '../../identity/cookies.ts';
import { EDGE } from '../../test/browser.ts';
import { audit } from '../../test/grants.ts';
import {
  assertionXml,
  attribute,
  encode,
  idpMetadata,
  newKey,
  pem,
  responseXml,
  sign,
  type TestKey,
} from '../../test/saml.ts';

const CONSUMER = `${EDGE}/saml/acs`;
const now = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
let idp: TestKey;
let ours: TestKey;
let saml: Record<string, string>;
beforeAll(async () => {
  [idp, ours] = await Promise.all([newKey(), newKey()]);
  saml = {
    SAML_IDP_METADATA: idpMetadata([idp]),
    SAML_PROVIDER_NAME: 'corp',
    SAML_EMAIL_DOMAINS: 'example.com',
    OIDC_EMAIL_DOMAINS: 'example.org',
  };
});

const NO_OIDC = {
  OIDC_ISSUER: undefined,
  OIDC_CLIENT_ID: undefined,
  PROVIDER_NAME: undefined,
  SAML_PROVIDER_NAME: 'demo',
};

const appWith = (change: object = {}) => createApp(createDeps({ ...env, ...saml, ...change } as typeof env));
const get = (app: Hono, path: string, headers: Record<string, string> = {}) =>
  app.fetch(new Request(EDGE + path, { headers }));
const cookieOf = (response: Response, name: string) =>
  response.headers.getSetCookie().flatMap((text) => (text.startsWith(`${name}=`) ? (text.split(';')[0] ?? '') : []))[0];
/** As a browser does it that comes from the provider's site: no session cookie, as that is SameSite=Lax. */
const post = (app: Hono, form: Record<string, string>, cookie?: string) =>
  app.fetch(
    new Request(CONSUMER, {
      method: 'POST',
      headers: { origin: 'https://idp.example', 'sec-fetch-site': 'cross-site', ...(cookie && { cookie }) },
      body: new URLSearchParams(form),
    }),
  );

async function begin(app: Hono, path = '/login?return=%2Fgrants') {
  const response = await get(app, path);
  const address = new URL(response.headers.get('location') ?? 'about:blank');
  const cookie = cookieOf(response, SAML_COOKIE) ?? '';
  const deflated = Uint8Array.from(atob(address.searchParams.get('SAMLRequest') ?? ''), (c) => c.charCodeAt(0));
  const request = await new Response(
    new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw')),
  ).text();
  return { response, address, cookie, request, id: / ID="([^"]+)"/.exec(request)?.[1] ?? '' };
}

const AUDIENCE = `${EDGE}/saml/metadata`;
function answer(id: string | undefined, assertion = `_${crypto.randomUUID()}`): string {
  const answers = id === undefined ? '' : ` InResponseTo="${id}"`;
  const xml = assertionXml({
    id: assertion,
    issued: now(-1),
    answers,
    recipient: CONSUMER,
    until: now(300),
    conditions: `<saml:Conditions><saml:AudienceRestriction><saml:Audience>${AUDIENCE}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
    authentication: `<saml:AuthnStatement AuthnInstant="${now(-1)}" SessionNotOnOrAfter="${now(600)}"/>`,
    attributes: attribute('email', 'alice@example.com') + attribute('groups', 'dba'),
  });
  return encode(sign(responseXml(xml, { destination: CONSUMER, answers }), idp, { id: assertion }));
}
const lastFailure = async () =>
  (await audit.list({ kind: 'identity.sign_in_failed', limit: 1 })).entries[0]?.details.reason;

describe('signing in', () => {
  test('goes to the provider and comes back to where the person was', async () => {
    const app = appWith(NO_OIDC);
    const { response, address, cookie, request, id } = await begin(app);
    expect(address.origin + address.pathname).toBe('https://idp.example/sso');
    expect(address.searchParams.get('tenant')).toBe('1');
    expect(address.searchParams.has('Signature')).toBe(false);
    expect(request).toContain(`AssertionConsumerServiceURL="${CONSUMER}"`);
    const set = response.headers.getSetCookie().find((text) => text.startsWith(SAML_COOKIE)) ?? '';
    for (const wanted of ['Secure', 'HttpOnly', 'SameSite=None', 'Path=/']) expect(set).toContain(wanted);

    const landed = await post(app, { SAMLResponse: answer(id), RelayState: 'https://evil.example' }, cookie);
    expect(landed.status).toBe(303);
    expect(landed.headers.get('location')).toBe('/grants');
    const session = cookieOf(landed, SESSION_COOKIE) ?? '';
    const me = await (await get(app, '/api/v1/me', { cookie: session })).json();
    expect(me).toMatchObject({
      identity: {
        email: 'alice@example.com',
        groups: ['demo:dba'],
        provider: 'demo',
        subject: 'saml:https://idp.example/metadata#alice',
      },
    });
  });

  test('an answer is taken once, and in the browser that asked', async () => {
    const app = appWith(NO_OIDC);
    const { cookie, id } = await begin(app);
    expect((await post(app, { SAMLResponse: answer(id) })).status).toBe(400);
    expect(await lastFailure()).toBe('attempt_unknown');
    const other = await begin(app);
    expect((await post(app, { SAMLResponse: answer(id) }, other.cookie)).status).toBe(400);
    expect(await lastFailure()).toBe('request_wrong');
    const message = answer(id, '_once');
    expect((await post(app, { SAMLResponse: message }, cookie)).status).toBe(303);
    expect((await post(app, { SAMLResponse: message }, cookie)).status).toBe(400);
    expect(await lastFailure()).toBe('assertion_replayed');
    expect((await post(app, { SAMLResponse: answer(id, '_second') }, cookie)).status).toBe(400);
    expect(await lastFailure()).toBe('attempt_replayed');
  });

  test('what somebody made up leaves the attempt as it was', async () => {
    const app = appWith(NO_OIDC);
    const { cookie, id } = await begin(app);
    const forged = encode(atob(answer(id)).replace('alice@', 'admin@'));
    const page = await (await post(app, { SAMLResponse: forged }, cookie)).text();
    expect(page).toContain('Start again');
    expect(page).not.toContain('admin@');
    expect((await post(app, { SAMLResponse: answer(id) }, cookie)).status).toBe(303);
  });

  test('fields that come twice, other bodies and large ones are refused', async () => {
    const app = appWith(NO_OIDC);
    const { cookie, id } = await begin(app);
    const twice = `SAMLResponse=${encodeURIComponent(answer(id))}&SAMLResponse=x`;
    for (const [status, type, body] of [
      [400, 'application/x-www-form-urlencoded', twice],
      [
        400,
        'multipart/form-data; boundary=x',
        `--x\r\ncontent-disposition: form-data; name="SAMLResponse"\r\n\r\n${answer(id)}\r\n--x--`,
      ],
      [413, 'application/x-www-form-urlencoded', `SAMLResponse=${'A'.repeat(600_000)}`],
    ] as const) {
      const headers = { 'content-type': type, cookie };
      expect((await app.fetch(new Request(CONSUMER, { method: 'POST', headers, body }))).status).toBe(status);
    }
    expect((await get(app, '/saml/acs')).status).toBe(400);
  });

  test('the session ends when the provider says, and so does a token from it', async () => {
    const app = appWith(NO_OIDC);
    const { cookie, id } = await begin(app);
    const session = cookieOf(await post(app, { SAMLResponse: answer(id) }, cookie), SESSION_COOKIE) ?? '';
    const { device_code, user_code } = await (
      await app.fetch(new Request(`${EDGE}/api/v1/device/code`, { method: 'POST' }))
    ).json<Record<string, string>>();
    const headers = { cookie: session, 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
    const decided = await app.fetch(
      new Request(`${EDGE}/api/v1/device/decision`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ user_code, approve: true }),
      }),
    );
    expect(decided.status).toBe(200);
    const token = await app.fetch(
      new Request(`${EDGE}/api/v1/device/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          device_code: device_code ?? '',
        }),
      }),
    );
    const { expires_in, access_token } = await token.json<{ expires_in: number; access_token: string }>();
    expect(expires_in).toBeGreaterThan(500);
    expect(expires_in).toBeLessThanOrEqual(600);
    expect((await get(app, '/api/v1/me', { authorization: `Bearer ${access_token}` })).status).toBe(200);
  });
});

describe('a sign-in that begins at the provider', () => {
  test('is refused, and says what to do', async () => {
    const page = await post(appWith(NO_OIDC), { SAMLResponse: answer(undefined) });
    expect(page.status).toBe(403);
    expect(await page.text()).toContain('Begin it here');
  });
  test('is taken once where that is set, and leads to a path of ours', async () => {
    const app = appWith({ ...NO_OIDC, SAML_IDP_INITIATED: 'true' });
    const message = answer(undefined);
    const landed = await post(app, { SAMLResponse: message, RelayState: '//evil.example' });
    expect(landed.headers.get('location')).toBe('/');
    expect((await post(app, { SAMLResponse: message })).status).toBe(400);
    const other = await post(app, { SAMLResponse: answer(undefined), RelayState: '/sessions?x=1' });
    expect(other.headers.get('location')).toBe('/sessions?x=1');
  });
});

describe('with OpenID Connect beside it', () => {
  test('people choose, and each way leads to its provider', async () => {
    const app = appWith();
    const page = await get(app, '/login?return=%2Fgrants');
    expect(page.status).toBe(200);
    const links = [...(await page.text()).matchAll(/href="(\/login\?with=[^"]+)"/g)].map(([, href = '']) =>
      href.replaceAll('&amp;', '&'),
    );
    expect(links).toEqual(['/login?with=demo&return=%2Fgrants', '/login?with=corp&return=%2Fgrants']);
    expect(new URL((await get(app, links[0] ?? '')).headers.get('location') ?? '').origin).toBe(
      new URL(env.OIDC_ISSUER).origin,
    );
    const { address, cookie, id } = await begin(app, links[1]);
    expect(address.hostname).toBe('idp.example');
    expect((await post(app, { SAMLResponse: answer(id) }, cookie)).headers.get('location')).toBe('/grants');
  });
  test('a provider speaks for the addresses of its own domains alone', async () => {
    const app = appWith({ SAML_EMAIL_DOMAINS: 'example.net' });
    const { cookie, id } = await begin(app, '/login?with=corp');
    expect((await post(app, { SAMLResponse: answer(id) }, cookie)).status).toBe(403);
    expect(await lastFailure()).toBe('email_domain_not_allowed');
  });
});

describe('requests', () => {
  const keys = () => ({
    SAML_PRIVATE_KEY: ours.privateKey,
    SAML_CERTIFICATE: pem('CERTIFICATE', ours.certificate),
  });
  const verifies = async (signature: string, content: string) => {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    const bytes = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const spki = bytes(ours.spki.replace(/-----[^-]+-----|\s/g, ''));
    const key = await crypto.subtle.importKey('spki', spki, algorithm, false, ['verify']);
    return crypto.subtle.verify(algorithm.name, key, bytes(signature), new TextEncoder().encode(content));
  };

  test('are signed in the address', async () => {
    const { address } = await begin(appWith({ ...NO_OIDC, ...keys() }));
    const content = /SAMLRequest=.*(?=&Signature=)/.exec(address.search)?.[0] ?? '';
    expect(content).toContain('&SigAlg=');
    expect(await verifies(address.searchParams.get('Signature') ?? '', content)).toBe(true);
  });

  test('are posted and signed where the provider takes posts alone', async () => {
    const metadata = idpMetadata([idp], { bindings: 'POST', role: 'WantAuthnRequestsSigned="true"' });
    const app = appWith({ ...NO_OIDC, ...keys(), SAML_IDP_METADATA: metadata });
    const page = await get(app, '/login');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain('form-action https: https://idp.example;');
    expect(policy).not.toContain('unsafe');
    const text = await page.text();
    expect(text).toContain('action="https://idp.example/sso?tenant=1"');
    const xml = atob(/name="SAMLRequest" value="([^"]+)"/.exec(text)?.[1] ?? '');
    // Our own verification is what other tests hold to; here it has to be the form that it takes.
    expect(xml).toMatch(/<\/saml:Issuer><ds:Signature .*<ds:Reference URI="#_.*<\/ds:Signature><samlp:NameIDPolicy/);
    expect(cookieOf(page, SAML_COOKIE)).toBeDefined();
  });

  test('ask for what the settings say', async () => {
    const app = appWith({
      ...NO_OIDC,
      SAML_FORCE_AUTHN: 'true',
      SAML_NAME_ID_FORMAT: 'persistent',
      SAML_AUTHN_CONTEXT: 'https://refeds.org/profile/mfa urn:b',
      SAML_ENTITY_ID: 'urn:gatehouse:<prod>',
    });
    const { request } = await begin(app);
    expect(request).toContain(' ForceAuthn="true"');
    expect(request).toContain('Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"');
    expect(request).toContain(
      '<saml:AuthnContextClassRef>https://refeds.org/profile/mfa</saml:AuthnContextClassRef><saml:AuthnContextClassRef>urn:b<',
    );
    expect(request).toContain('<saml:Issuer>urn:gatehouse:&#60;prod&#62;</saml:Issuer>');
  });

  test('a provider that wants signed ones is not sent others', async () => {
    const app = appWith({ ...NO_OIDC, SAML_IDP_METADATA: idpMetadata([idp], { role: 'WantAuthnRequestsSigned="1"' }) });
    const page = await get(app, '/login');
    expect(page.status).toBe(403);
    expect(await page.text()).toContain('SAML_PRIVATE_KEY is not set');
  });

  test("a certificate of another key is said so, and not the provider's problem", async () => {
    const app = appWith({ ...NO_OIDC, ...keys(), SAML_CERTIFICATE: pem('CERTIFICATE', idp.certificate) });
    expect(await (await get(app, '/login')).text()).toContain(
      'SAML_CERTIFICATE is not the certificate of SAML_PRIVATE_KEY',
    );
  });
});

test('our metadata has what a provider needs', async () => {
  const plain = await get(appWith(NO_OIDC), '/saml/metadata');
  expect(plain.headers.get('content-type')).toBe('application/samlmetadata+xml');
  const xml = await plain.text();
  expect(xml).toContain(`entityID="${AUDIENCE}"`);
  expect(xml).toContain(`Location="${CONSUMER}"`);
  expect(xml).not.toContain('KeyDescriptor');
  const keyed = await get(
    appWith({
      ...NO_OIDC,
      SAML_PRIVATE_KEY: ours.privateKey + idp.privateKey,
      SAML_CERTIFICATE: pem('CERTIFICATE', ours.certificate) + pem('CERTIFICATE', idp.certificate),
    }),
    '/saml/metadata',
  );
  const uses = [...(await keyed.text()).matchAll(/KeyDescriptor use="(\w+)"/g)].map(([, use]) => use);
  expect(uses).toEqual(['signing', 'signing', 'encryption']);
});

test('there is no single logout, and that is said', async () => {
  const app = appWith(NO_OIDC);
  for (const method of ['GET', 'POST']) {
    const page = await app.fetch(
      new Request(`${EDGE}/saml/logout`, { method, headers: { 'sec-fetch-site': 'cross-site' } }),
    );
    expect(page.status).toBe(400);
    expect(await page.text()).toContain('no single logout');
  }
});

describe("the provider's metadata", () => {
  test.each([
    ['that is none', '<x/>'],
    ['that has run out', idpMetadata([]).replace('entityID', 'validUntil="2020-01-01T00:00:00Z" entityID')],
    ['without a key', idpMetadata([])],
    ['with a document type', `<!DOCTYPE x>${idpMetadata([])}`],
  ])('%s is refused', async (_what, text) => {
    const page = await get(appWith({ ...NO_OIDC, SAML_IDP_METADATA: text }), '/login');
    expect(page.status).toBe(403);
    expect(await page.text()).toContain('SAML_IDP_METADATA');
  });
  test('of a key that is too short is refused', async () => {
    const short = await newKey(1024);
    expect((await get(appWith({ ...NO_OIDC, SAML_IDP_METADATA: idpMetadata([short]) }), '/login')).status).toBe(403);
  });
  test('of another provider than the settings name is refused', async () => {
    const app = appWith({ ...NO_OIDC, SAML_IDP_ENTITY_ID: 'https://other.example' });
    expect((await get(app, '/login')).status).toBe(403);
  });
});

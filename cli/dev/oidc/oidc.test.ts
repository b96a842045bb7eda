import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as client from 'openid-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Running } from '../child.ts';
import { oidcIssuer, startOidc } from './oidc.ts';

const REDIRECT = 'http://localhost:1/auth/callback';
let dir: string;
let port: number;
let running: Running;

const start = () =>
  startOidc({
    port,
    clientId: 'portal',
    clientSecret: 'not-much-of-one',
    redirectUri: REDIRECT,
    keyFile: join(dir, 'oidc', 'keys.json'),
  });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-oidc-'));
  port = await freePort();
  running = await start();
});
afterEach(async () => {
  await running.stop();
  await rm(dir, { recursive: true });
});

describe('the demo identity provider', () => {
  it('signs a chosen person in with code and PKCE, groups in the ID token', async () => {
    const config = await discover();
    const verifier = client.randomPKCECodeVerifier();
    const { callback } = await authorize(config, verifier, 'bob');
    const tokens = await client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier: verifier,
      expectedNonce: 'a-nonce',
      expectedState: 'a-state',
    });
    expect(tokens.claims()).toMatchObject({
      iss: oidcIssuer(port),
      aud: 'portal',
      sub: 'bob',
      email: 'bob@example.com',
      email_verified: true,
      name: 'Bob Baxter',
      groups: ['dba', 'administrators'],
      auth_time: expect.any(Number),
    });
  });

  it('asks again who somebody is who signed in before', async () => {
    const config = await discover();
    const { cookies } = await authorize(config, client.randomPKCECodeVerifier(), 'alice');
    const { page } = await open(config, client.randomPKCECodeVerifier(), cookies);
    expect(new URL(page).pathname).toMatch(/^\/sign-in\//);
  });

  it('refuses a code whose PKCE verifier is another', async () => {
    const config = await discover();
    const { callback } = await authorize(config, client.randomPKCECodeVerifier(), 'alice');
    const other = client.randomPKCECodeVerifier();
    await expect(
      client.authorizationCodeGrant(config, callback, {
        pkceCodeVerifier: other,
        expectedNonce: 'a-nonce',
        expectedState: 'a-state',
      }),
    ).rejects.toThrow();
  });

  it('keeps its signing key over a restart, in a private file', async () => {
    const before = await keys();
    await running.stop();
    running = await start();
    expect(await keys()).toEqual(before);
    expect((await stat(join(dir, 'oidc', 'keys.json'))).mode & 0o777).toBe(0o600);
  });

  it('answers no other host name, so that a rebound name signs nobody in', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', headers: { host: 'evil.example' } }, (answer) =>
        resolve(answer.statusCode),
      );
      sent.on('error', reject).end();
    });
    expect(status).toBe(421);
  });

  it('signs nobody in who is not among the people', async () => {
    const config = await discover();
    const { page, cookies } = await open(config, client.randomPKCECodeVerifier());
    const answer = await fetch(page, {
      method: 'POST',
      headers: { cookie: cookies },
      body: new URLSearchParams({ person: 'mallory' }),
    });
    expect(answer.status).toBe(400);
  });
});

const discover = () =>
  client.discovery(new URL(oidcIssuer(port)), 'portal', undefined, client.ClientSecretBasic('not-much-of-one'), {
    execute: [client.allowInsecureRequests],
  });

const keys = async (): Promise<unknown> => (await fetch(`${oidcIssuer(port)}/jwks`)).json();

async function open(
  config: client.Configuration,
  verifier: string,
  sent = '',
): Promise<{ page: string; cookies: string }> {
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: 'openid email profile groups',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    nonce: 'a-nonce',
    state: 'a-state',
  });
  const first = await fetch(url, { redirect: 'manual', headers: { cookie: sent } });
  return { page: new URL(first.headers.get('location') ?? '', url).href, cookies: cookiesOf(first) };
}

async function authorize(
  config: client.Configuration,
  verifier: string,
  person: string,
): Promise<{ callback: URL; cookies: string }> {
  const { page, cookies } = await open(config, verifier);
  const html = await (await fetch(page, { headers: { cookie: cookies } })).text();
  expect(html).toContain(`value="${person}"`);
  const chosen = await fetch(page, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookies },
    body: new URLSearchParams({ person }),
  });
  const resume = await fetch(new URL(chosen.headers.get('location') ?? '', page), {
    redirect: 'manual',
    headers: { cookie: [cookies, cookiesOf(chosen)].filter(Boolean).join('; ') },
  });
  return { callback: new URL(resume.headers.get('location') ?? ''), cookies: cookiesOf(resume) };
}

const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

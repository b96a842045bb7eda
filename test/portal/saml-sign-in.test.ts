// Signing in by SAML as a person does it: a real browser, the edge in workerd, and SimpleSAMLphp, which reads our metadata,
// checks the signatures of our requests and encrypts its assertions for us.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildWorker } from '../../edge/build.ts';
import { type RunningEdge, startEdge } from '../../edge/dev-server.ts';
import { hasSimpleSamlPhp, rsaCertificate, startSimpleSamlPhp } from './simplesamlphp.ts';
import { launchBrowser } from './browser.ts';

const MINE = { email: ['Alice@Example.com'], displayName: ['Alice Ü'], groups: ['developers', 'dba'], uid: ['4711'] };

let directory: string;
let worker: Awaited<ReturnType<typeof buildWorker>>;
let idp: Awaited<ReturnType<typeof startSimpleSamlPhp>>;
let keys: Awaited<ReturnType<typeof rsaCertificate>>;
let browser: Browser;
const edges: RunningEdge[] = [];
/** Has nothing: nobody looks at a recording here. */
let functions: Server;

beforeAll(async () => {
  if (!hasSimpleSamlPhp) return;
  directory = mkdtempSync(join(tmpdir(), 'gatehouse-saml-edge-'));
  functions = createServer((_request, response) => response.writeHead(404).end());
  [worker, idp, keys, browser] = await Promise.all([
    buildWorker({ outputDirectory: join(directory, 'worker') }),
    startSimpleSamlPhp({ alice: { password: 'only-for-tests', attributes: MINE } }),
    rsaCertificate('gatehouse'),
    launchBrowser(),
    new Promise<void>((resolve) => functions.listen(0, '127.0.0.1', resolve)),
  ]);
});

/** `more`: what the provider is told beside our metadata. */
async function startSamlEdge(settings: Readonly<Record<string, string>>, more: string): Promise<RunningEdge> {
  const edge = await startEdge({
    worker,
    port: 0,
    persistDirectory: join(directory, `edge-${edges.length}`),
    settings: {
      SAML_PROVIDER_NAME: 'corp',
      SAML_PRIVATE_KEY: keys.key,
      SAML_CERTIFICATE: keys.certificate,
      SAML_NAME_ID_FORMAT: 'persistent',
      EDGE_SECRET: randomBytes(32).toString('base64'),
      FUNCTIONS_URL: `http://127.0.0.1:${(functions.address() as AddressInfo).port}`,
      FUNCTIONS_TOKEN: 'nobody-answers-there',
      POLICY: 'administrators: ["corp:dba"]\nrules: []\n',
      ...settings,
    },
  });
  edges.push(edge);
  idp.trust(await (await fetch(`${edge.url}/saml/metadata`)).text(), more);
  return edge;
}

/** What the browser sends to the edge's consumer, and to the provider. */
interface Seen {
  response: string;
  request: URL | undefined;
  form: string;
}

async function inBrowser(edge: RunningEdge, act: (page: Page, seen: Seen) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const seen: Seen = { response: '', request: undefined, form: '' };
  page.on('request', (request) => {
    const url = new URL(request.url());
    const posted = new URLSearchParams(request.postData() ?? '');
    if (url.pathname === '/saml/acs') seen.response = atob(posted.get('SAMLResponse') ?? '');
    if (posted.has('SAMLRequest')) seen.form = atob(posted.get('SAMLRequest') ?? '');
    if (url.searchParams.has('SAMLRequest')) seen.request ??= url;
  });
  try {
    await page.goto(`${edge.url}/keys`);
    await page.fill('#username', 'alice');
    await page.fill('#password', 'only-for-tests');
    await page.press('#password', 'Enter');
    // A page of theirs, on another site, posts the response.
    await page.waitForURL(`${edge.url}/keys`);
    await act(page, seen);
  } catch (error) {
    const at = `at ${page.url()}\n${(await page.content()).slice(0, 3000)}`;
    throw new Error(`${String(error)}\n${at}\n${idp.log().slice(-1000)}`);
  } finally {
    await context.close();
  }
}

afterAll(async () => {
  await browser?.close();
  await Promise.all(edges.map((edge) => edge.close()));
  await idp?.close();
  functions?.close();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

test.skipIf(!hasSimpleSamlPhp)('a person signs in with a browser, and a command line through it', async () => {
  const edge = await startSamlEdge(
    { SAML_IDP_METADATA_URL: idp.metadataUrl, SAML_IDP_ENTITY_ID: idp.entityId, SAML_SIGNED: 'both' },
    "'assertion.encryption' => true, 'saml20.sign.response' => true",
  );
  await inBrowser(edge, async (page, seen) => {
    expect(seen.request?.searchParams.get('Signature')?.length).toBeGreaterThan(300);
    expect(seen.response).toContain('EncryptedAssertion');
    expect(seen.response).not.toContain('4711');
    const cookies = await page.context().cookies(edge.url);
    expect(cookies.map(({ name }) => name)).toEqual(['__Host-gatehouse']);

    const me: unknown = await (await page.request.get(`${edge.url}/api/v1/me`)).json();
    expect(me).toMatchObject({
      administrator: true,
      identity: {
        subject: `saml:${idp.entityId}#4711`,
        email: 'alice@example.com',
        name: 'Alice Ü',
        groups: ['corp:developers', 'corp:dba'],
        provider: 'corp',
        acr: 'urn:oasis:names:tc:SAML:2.0:ac:classes:Password',
      },
    });

    const begun = await fetch(`${edge.url}/api/v1/device/code`, { method: 'POST' });
    const codes = (await begun.json()) as { device_code: string; verification_uri_complete: string };
    await page.goto(codes.verification_uri_complete);
    await page.getByRole('button', { name: /approve/i }).click();
    await page.waitForLoadState();
    const token = await fetch(`${edge.url}/api/v1/device/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: codes.device_code,
      }),
    });
    const { access_token, expires_in } = (await token.json()) as { access_token: string; expires_in: number };
    // SimpleSAMLphp's session is for eight hours, and so is what came of it.
    expect(expires_in).toBeLessThanOrEqual(8 * 3600);
    const again = await fetch(`${edge.url}/api/v1/me`, { headers: { authorization: `Bearer ${access_token}` } });
    expect(await again.json()).toMatchObject({ identity: { email: 'alice@example.com' } });
  });
});

test.skipIf(!hasSimpleSamlPhp)('a browser posts the request where the provider takes posts alone', async () => {
  const metadata = await (await fetch(idp.metadataUrl)).text();
  const posts = metadata.replace(/<md:SingleSignOnService[^>]*HTTP-Redirect[^>]*>/, '');
  expect(posts).not.toBe(metadata);
  const edge = await startSamlEdge({ SAML_IDP_METADATA: posts }, "'saml20.sign.response' => false");
  await inBrowser(edge, async (page, seen) => {
    expect(seen.form).toContain('<ds:SignatureValue>');
    expect(seen.response).toContain('4711');
    const me: unknown = await (await page.request.get(`${edge.url}/api/v1/me`)).json();
    expect(me).toMatchObject({ identity: { email: 'alice@example.com' } });
  });
});

// An OpenID Connect provider with demo people: real discovery, keys, PKCE, codes and claims. Only the
// login page differs from a real one: it asks who you are and believes it. Hence loopback alone.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdir, readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { type Configuration, interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { z } from 'zod';
import { writePrivateFile } from '../data/private-file.ts';
import { signInPage, unknownSignInPage } from './oidc-page.ts';
import { DEMO_PEOPLE } from '../people.ts';
import type { Running } from '../child.ts';

export const OidcSettings = z.object({
  port: z.number().int(),
  clientId: z.string(),
  clientSecret: z.string(),
  redirectUri: z.string(),
  /** Where the signing key is kept, so that a restart keeps it. */
  keyFile: z.string(),
});
export type OidcSettings = z.infer<typeof OidcSettings>;

export const oidcIssuer = (port: number): string => `http://127.0.0.1:${port}`;

const MAX_FORM_BYTES = 4 * 1024;
const HOURS_S = 3_600;

export async function startOidc(settings: OidcSettings): Promise<Running> {
  const issuer = oidcIssuer(settings.port);
  const provider = new Provider(issuer, await configuration(settings));
  const handle = provider.callback();
  const host = new URL(issuer).host;
  const server = createServer((request, response) => {
    // A page elsewhere that had its name point at 127.0.0.1 must not sign anybody in.
    if (request.headers.host !== host) return void response.writeHead(421).end();
    if (request.url?.startsWith('/sign-in/')) return void signIn(provider, request, response);
    void handle(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port, '127.0.0.1', resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function configuration(settings: OidcSettings): Promise<Configuration> {
  const keys = await loadKeys(settings.keyFile);
  // Cookies know no ports: two environments on one machine must not share them.
  const cookie = (name: string): string => `gatehouse_${settings.port}_${name}`;
  return {
    clients: [
      {
        client_id: settings.clientId,
        client_secret: settings.clientSecret,
        redirect_uris: [settings.redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
        require_auth_time: true,
      },
    ],
    jwks: { keys: keys.signing },
    cookies: {
      keys: keys.cookies,
      names: { session: cookie('session'), interaction: cookie('interaction'), resume: cookie('resume') },
    },
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
    // Groups go into the ID token itself, as most providers are set up for gateways.
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    ttl: {
      AccessToken: HOURS_S,
      IdToken: HOURS_S,
      Interaction: HOURS_S,
      Session: 12 * HOURS_S,
      Grant: 12 * HOURS_S,
      AuthorizationCode: 60,
    },
    interactions: { policy: alwaysAsk(), url: (_context, interaction) => `/sign-in/${interaction.uid}` },
    findAccount: (_context, subject) => {
      const person = DEMO_PEOPLE.find(({ key }) => key === subject);
      return person && { accountId: subject, claims: () => claimsOf(person) };
    },
    loadExistingGrant: grantEverything,
    renderError: (context, out) => {
      context.type = 'text/plain';
      context.body = `The demo sign-in could not go on: ${out.error}. Go back to the portal and try again.\n`;
    },
  };
}

const claimsOf = ({ key, email, name, groups }: (typeof DEMO_PEOPLE)[number]) => ({
  sub: key,
  email,
  email_verified: true,
  name,
  groups: [...groups],
});

/** Whoever signs out at the portal and in again is asked who they are: the demo is about several people. */
function alwaysAsk(): interactionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const asked = new interactionPolicy.Check('always_ask', 'who are you?', (context) =>
    context.oidc.result?.login ? interactionPolicy.Check.NO_NEED_TO_PROMPT : interactionPolicy.Check.REQUEST_PROMPT,
  );
  policy.get('login')?.checks.add(asked);
  return policy;
}

/** Nobody is asked for consent: the one client is the portal. */
async function grantEverything(context: KoaContextWithOIDC) {
  const { client, session, provider, params } = context.oidc;
  if (!client || !session?.accountId) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(typeof params?.scope === 'string' ? params.scope : 'openid');
  await grant.save();
  return grant;
}

async function signIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await provider.interactionDetails(request, response);
    if (request.method !== 'POST') return page(response, 200, signInPage(DEMO_PEOPLE));
    const chosen = new URLSearchParams(await readForm(request)).get('person');
    const person = DEMO_PEOPLE.find(({ key }) => key === chosen);
    if (!person) return page(response, 400, signInPage(DEMO_PEOPLE));
    await provider.interactionFinished(request, response, { login: { accountId: person.key, remember: false } });
  } catch {
    if (!response.headersSent) page(response, 400, unknownSignInPage());
  }
}

function page(
  response: ServerResponse,
  status: number,
  { html, styleHash }: { html: string; styleHash: string },
): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': `default-src 'none'; style-src '${styleHash}'; frame-ancestors 'none'; base-uri 'none'`,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  });
  response.end(html);
}

async function readForm(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('expected bytes');
    total += chunk.length;
    if (total > MAX_FORM_BYTES) throw new RangeError('the form is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const Keys = z.object({ signing: z.array(z.record(z.string(), z.unknown())), cookies: z.array(z.string()) });

async function loadKeys(file: string): Promise<z.infer<typeof Keys>> {
  const stored = await readFile(file, 'utf8').catch(() => undefined);
  if (stored !== undefined) return Keys.parse(JSON.parse(stored));
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const signing = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: randomBytes(8).toString('hex') };
  const keys = { signing: [signing], cookies: [randomBytes(32).toString('base64url')] };
  await mkdir(dirname(file), { recursive: true });
  await writePrivateFile(file, JSON.stringify(keys));
  return keys;
}

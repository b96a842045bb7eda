// Started once in Node before the Worker's tests, on loopback: a real OIDC provider, one that forges
// what it is told to, and an archive that answers as the functions do.

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';
import type { TestProject } from 'vitest/node';
import { archiveOfTests } from './archive-server.ts';
import { oidcVendorsOfTests } from './identity/oidc-vendors.ts';
import { slackOfTests } from './slack-server.ts';
import { workloadIssuerOfTests } from './workload-issuer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    oidcIssuer: string;
    forgedIssuer: string;
    functionsUrl: string;
    slackUrl: string;
    workloadIssuer: string;
    oidcVendors: string;
  }
}

const PEOPLE: Readonly<Record<string, { name: string; groups: string[]; email_verified?: boolean; email?: string }>> = {
  alice: { name: 'Alice', groups: ['developers'] },
  bob: { name: 'Bob', groups: ['dba', 'administrators'] },
  carol: { name: 'Carol', groups: ['auditors'] },
  mallory: { name: 'Mallory', groups: [] },
  unverified: { name: 'Somebody', groups: [], email_verified: false },
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = [
    await listen(await realProvider()),
    await listen(await forgingProvider()),
    await listen(archiveOfTests()),
    await listen(slackOfTests()),
    await listen(workloadIssuerOfTests()),
    await listen(await oidcVendorsOfTests()),
  ];
  const [oidc, forged, functions, slack, workloads, vendors] = servers.map(({ address }) => address);
  project.provide('oidcIssuer', oidc ?? '');
  project.provide('forgedIssuer', forged ?? '');
  project.provide('functionsUrl', functions ?? '');
  project.provide('slackUrl', slack ?? '');
  project.provide('workloadIssuer', workloads ?? '');
  project.provide('oidcVendors', vendors ?? '');
  return async () => {
    for (const { server } of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
}

type Listener = (address: string) => RequestListener;

async function listen(make: Listener): Promise<{ server: Server; address: string }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on('request', make(address));
  return { server, address };
}

async function realProvider(): Promise<Listener> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const signingKey = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256' };
  return (issuer) => {
    const provider = new Provider(issuer, {
      clients: [
        {
          client_id: 'gatehouse',
          client_secret: 'only-for-tests-only-for-tests',
          redirect_uris: ['http://localhost:8787/login/callback'],
        },
      ],
      jwks: { keys: [signingKey] },
      cookies: { keys: ['only for tests'] },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
      pkce: { required: () => true },
      async findAccount(_context: unknown, id: string) {
        const person = PEOPLE[id];
        if (!person) return undefined;
        return {
          accountId: id,
          claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true, ...person }),
        };
      },
    });
    return provider.callback();
  };
}

/**
 * An issuer of its own below each path `/FLAW`, with no login page: `/FLAW/authorize` sends the
 * browser straight back. Its tokens are right but for the flaw.
 */
async function forgingProvider(): Promise<Listener> {
  let keys = await newKeys();
  const attacker = await newKeys();
  const nonces = new Map<string, string>();
  return (base) => async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', base);
    const [, flaw = '', ...rest] = url.pathname.split('/');
    const issuer = `${base}/${flaw}`;
    const json = (body: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    switch (rest.join('/')) {
      case '.well-known/openid-configuration':
        return json({
          issuer: flaw === 'wrong-issuer-in-discovery' ? base : issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          id_token_signing_alg_values_supported: ['RS256'],
          response_types_supported: ['code'],
          authorization_response_iss_parameter_supported: true,
        });
      case 'jwks':
        return json({ keys: [keys.jwk] });
      case 'authorize': {
        const back = new URL(url.searchParams.get('redirect_uri') ?? base);
        const code = crypto.randomUUID();
        nonces.set(code, url.searchParams.get('nonce') ?? '');
        back.searchParams.set('code', code);
        back.searchParams.set('state', flaw === 'wrong-state' ? 'forged' : (url.searchParams.get('state') ?? ''));
        if (flaw !== 'no-iss') back.searchParams.set('iss', flaw === 'wrong-iss' ? 'http://127.0.0.1:1' : issuer);
        return response.writeHead(302, { location: back.href }).end();
      }
      case 'token': {
        // Each sign-in at `rotated-keys` meets a key that the one before did not.
        if (flaw === 'rotated-keys') keys = await newKeys();
        const code = new URLSearchParams(await bodyOf(request)).get('code') ?? '';
        const now = Math.floor(Date.now() / 1000);
        const expired = flaw === 'expired' ? 3600 : 0;
        const skewed = flaw === 'clock-ahead' ? 20 : 0;
        const signer = flaw === 'wrong-key' ? attacker : keys;
        const token = await new SignJWT({
          nonce: flaw === 'wrong-nonce' ? 'forged' : nonces.get(code),
          ...(flaw !== 'no-email' && { email: 'Dave@Example.com' }),
          groups: 'single-group',
          name: 'Dave',
        })
          .setProtectedHeader({ alg: 'RS256', kid: signer === attacker ? keys.jwk.kid : signer.jwk.kid })
          .setIssuer(flaw === 'wrong-issuer-in-token' ? base : issuer)
          .setSubject('dave')
          .setAudience(flaw === 'wrong-audience' ? 'another-client' : 'gatehouse')
          .setIssuedAt(now - expired + skewed)
          .setExpirationTime(now - expired + skewed + 300)
          .sign(signer.privateKey);
        return json({ access_token: 'unused', token_type: 'Bearer', id_token: token });
      }
      default:
        return response.writeHead(404).end();
    }
  };
}

async function newKeys() {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: crypto.randomUUID(), use: 'sig', alg: 'RS256' } };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

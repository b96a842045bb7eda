// Identity providers as their vendors document them, in the Node process, each below a path of its own: /okta, /entra/TENANT/v2.0,
// /google, /keycloak, with Microsoft Graph at /graph and Google's Directory API at /directory. There is no page to sign in at: whoever
// comes is signed in at once, and the client's id says what is different this time. What it does not cover: ../README.md.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { CLIENT_SECRET, GOOGLE_ADMIN, GOOGLE_KEY, OID, TENANT, THEIR_TENANT } from './vendor-facts.ts';

interface Asked {
  readonly client_id?: string;
  readonly nonce?: string;
  readonly acr_values?: string;
  readonly max_age?: string;
  readonly prompt?: string;
}

const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const seconds = () => Math.floor(Date.now() / 1000);

export async function oidcVendorsOfTests(): Promise<(base: string) => RequestListener> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'vendor', use: 'sig', alg: 'RS256' };

  const idToken = async (issuer: string, vendor: string, asked: Asked) => {
    const { client_id: client = '', nonce } = asked;
    const claims = { ...COMMON, ...(CLAIMS[vendor]?.(client) ?? {}), ...stepUp(client, asked), nonce };
    const audience = AUDIENCES[client] ?? { aud: client };
    const tenant = typeof claims.tid === 'string' ? claims.tid : '';
    return new SignJWT({ ...claims, ...audience })
      .setProtectedHeader({ alg: 'RS256', kid: 'vendor' })
      .setIssuer(
        client === 'other-issuer'
          ? issuer.replace(/[^/]+\/v2\.0$/, `${uuid(9)}/v2.0`)
          : issuer.replace(/organizations/, tenant),
      )
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  };

  return (base) => async (request, response) => {
    const url = new URL(request.url ?? '/', base);
    const json = (body: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (url.pathname.startsWith('/graph/')) return graph(request, url, json);
    if (url.pathname === '/google-token') {
      const form = new URLSearchParams(await bodyOf(request));
      const { payload } = await jwtVerify(
        form.get('assertion') ?? '',
        createLocalJWKSet({ keys: [GOOGLE_KEY.public] }),
        {
          audience: `${base}/google-token`,
        },
      );
      const good =
        payload.sub === GOOGLE_ADMIN &&
        payload.scope === 'https://www.googleapis.com/auth/admin.directory.group.readonly';
      return good
        ? json({ access_token: 'google', expires_in: 3599, token_type: 'Bearer' })
        : json({ error: 'unauthorized_client' }, 401);
    }
    if (url.pathname === '/directory/admin/directory/v1/groups') return directory(request, url, json);

    const [, issuerPath = '', rest = ''] =
      /^(.*?)\/(\.well-known\/openid-configuration|authorize|jwks|token|oauth2\/v2\.0\/token)$/.exec(url.pathname) ??
      [];
    const vendor = issuerPath.split('/')[1] ?? '';
    const issuer = base + issuerPath;
    switch (rest) {
      case '.well-known/openid-configuration':
        return json({
          issuer: issuer.replace('/organizations/', '/{tenantid}/'),
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          token_endpoint_auth_methods_supported: ['client_secret_post'],
          id_token_signing_alg_values_supported: ['RS256'],
          response_types_supported: ['code'],
          ...(vendor === 'google' && { claims_supported: ['email', 'email_verified', 'sub'] }),
        });
      case 'jwks':
        return json({ keys: [jwk] });
      case 'authorize': {
        const back = new URL(url.searchParams.get('redirect_uri') ?? base);
        back.searchParams.set(
          'code',
          Buffer.from(JSON.stringify(Object.fromEntries(url.searchParams))).toString('base64url'),
        );
        back.searchParams.set('state', url.searchParams.get('state') ?? '');
        return response.writeHead(302, { location: back.href }).end();
      }
      case 'token': {
        const code = new URLSearchParams(await bodyOf(request)).get('code') ?? '';
        const asked: Asked = JSON.parse(Buffer.from(code, 'base64url').toString());
        const token = await idToken(issuer, vendor, asked);
        return json({ access_token: 'unused', token_type: 'Bearer', id_token: token });
      }
      // As the application itself, at its tenant.
      case 'oauth2/v2.0/token': {
        const form = new URLSearchParams(await bodyOf(request));
        const good = form.get('client_secret') === CLIENT_SECRET && form.get('scope') === `${base}/graph/.default`;
        return good
          ? json({ access_token: `graph of ${issuerPath}`, expires_in: 3599 })
          : json({ error: 'invalid_client' }, 401);
      }
      default:
        return response.writeHead(404).end();
    }
  };
}

const COMMON = { sub: 'ada', email: 'Ada@Example.com', name: 'Ada' };

const OVERAGE = {
  _claim_names: { groups: 'src1' },
  _claim_sources: { src1: { endpoint: `https://graph.windows.net/${TENANT}/users/x/getMemberObjects` } },
};

const AUDIENCES: Readonly<Record<string, object>> = {
  'audiences-for-us': { aud: ['other', 'audiences-for-us'], azp: 'audiences-for-us' },
  'audiences-for-another': { aud: ['other', 'audiences-for-another'], azp: 'other' },
  'audiences-for-nobody': { aud: ['other', 'audiences-for-nobody'] },
};

const CLAIMS: Readonly<Record<string, (client: string) => Record<string, unknown>>> = {
  okta: () => ({ groups: ['dba', 'Everyone'], amr: ['mfa', 'otp', 'pwd'], auth_time: seconds(), ver: 1 }),
  keycloak: () => ({
    email_verified: true,
    acr: '1',
    auth_time: seconds(),
    realm_access: { roles: ['dba', 'offline_access'] },
    resource_access: { gatehouse: { roles: ['admin'] }, 'my.client': { roles: ['reader'] } },
  }),
  google: (client) => ({
    sub: client === 'google-away' ? '429' : '1170',
    email_verified: client !== 'google-unverified',
    ...(client !== 'google-personal' && { hd: client === 'google-other-domain' ? 'other.example' : 'example.com' }),
  }),
  entra: (client) => ({
    tid: client === 'their-tenant' ? THEIR_TENANT : TENANT,
    oid: OID[client] ?? OID.usual,
    ver: '2.0',
    ...(client !== 'unverified-domain' && { xms_edov: true }),
    ...(client in OID && client !== 'usual'
      ? OVERAGE
      : client === 'hasgroups'
        ? { hasgroups: true }
        : client === 'no-groups'
          ? {}
          : { groups: [uuid(1), uuid(2)] }),
  }),
};

/** A provider that does what is asked, and some that do not. */
function stepUp(client: string, { acr_values: wanted, max_age: age, prompt }: Asked): Record<string, unknown> {
  if (!client.startsWith('step-up')) return {};
  const acr = client === 'step-up-low' ? 'urn:low' : (wanted?.split(' ')[0] ?? 'urn:low');
  const late = client === 'step-up-old' ? 3600 : 0;
  return {
    sub: client === 'step-up-other' ? 'grace' : 'ada',
    ...(client === 'step-up-other' && { email: 'grace@example.com' }),
    acr,
    amr: prompt === 'login' && client !== 'step-up-no-amr' ? ['pwd', 'mfa'] : ['pwd'],
    ...((age !== undefined || client === 'step-up-old') && client !== 'step-up-silent'
      ? { auth_time: seconds() - late }
      : { auth_time: undefined }),
  };
}

type Json = (body: unknown, status?: number) => ServerResponse;

/** Three pages of 200 for whoever has many. */
function graph(request: IncomingMessage, url: URL, json: Json): ReturnType<Json> {
  const oid = url.pathname.split('/')[4] ?? '';
  const name = Object.entries(OID).find(([, id]) => id === oid)?.[0] ?? '';
  const asked =
    url.pathname.endsWith('/transitiveMemberOf/microsoft.graph.group') &&
    request.headers.consistencylevel === 'eventual';
  if (!asked || !request.headers.authorization?.startsWith('Bearer graph of /entra/')) return json({ error: {} }, 401);
  switch (name) {
    case 'throttled':
      return json({ error: { code: 'TooManyRequests' } }, 429);
    case 'forbidden':
      return json({ error: { code: 'Authorization_RequestDenied' } }, 403);
    case 'away':
      return json({ error: {} }, 503);
    case 'odd':
      return json({ value: [{ displayName: 'no id' }] });
    case 'elsewhere':
      return json({ value: [], '@odata.nextLink': 'https://attacker.example/v1.0/next' });
    default: {
      const page = Number(url.searchParams.get('$skiptoken') ?? 0);
      const pages = name === 'endless' ? 99 : 3;
      const next = new URL(url);
      next.searchParams.set('$skiptoken', String(page + 1));
      const value = Array.from({ length: name === 'endless' ? 999 : 150 }, (_, at) => ({ id: uuid(page * 1000 + at) }));
      return json({ value, ...(page + 1 < pages && { '@odata.nextLink': next.href }) });
    }
  }
}

function directory(request: IncomingMessage, url: URL, json: Json): ReturnType<Json> {
  if (request.headers.authorization !== 'Bearer google') return json({}, 401);
  if (url.searchParams.get('userKey') === '429') return json({ error: { code: 429 } }, 429);
  const second = url.searchParams.get('pageToken') === 'two';
  return json({
    kind: 'admin#directory#groups',
    groups: [{ id: '1', email: second ? 'oncall@example.com' : 'DBA@example.com', name: 'x' }],
    ...(!second && { nextPageToken: 'two' }),
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

// Providers as their vendors document them (test/identity/oidc-vendors.ts): what each says of groups and addresses, and what is refused.

import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../../core/identity.ts';
import type { Result } from '../../../core/result.ts';
import { parseSettings, SettingsError } from '../../settings.ts';
import {
  CLIENT_SECRET,
  GOOGLE_ADMIN,
  GOOGLE_KEY,
  OID,
  TENANT,
  THEIR_TENANT,
} from '../../test/identity/vendor-facts.ts';
import { oidcSignIn } from '../providers.ts';

const VENDORS = env.OIDC_VENDORS;
const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

const BASE = {
  PUBLIC_URL: 'http://localhost:8787',
  PROVIDER_NAME: 'corp',
  EDGE_SECRET: 'dGhpcnR5LXR3byBieXRlcyB0aGF0IGFyZSBub3QgcmFuZG9t',
  FUNCTIONS_URL: 'http://127.0.0.1:1',
  FUNCTIONS_TOKEN: 'only-for-tests-only-for-tests',
  OIDC_CLIENT_SECRET: CLIENT_SECRET,
};
const OKTA = { OIDC_PRESET: 'okta', OIDC_ISSUER: `${VENDORS}/okta` };
const KEYCLOAK = { OIDC_PRESET: 'keycloak', OIDC_ISSUER: `${VENDORS}/keycloak` };
const ENTRA = { OIDC_PRESET: 'entra', OIDC_ISSUER: `${VENDORS}/entra/${TENANT}/v2.0` };
const GRAPH = { ENTRA_GRAPH: 'true', ENTRA_GRAPH_URL: `${VENDORS}/graph` };
const MANY = {
  OIDC_PRESET: 'entra',
  OIDC_ISSUER: `${VENDORS}/entra/organizations/v2.0`,
  OIDC_TENANTS: TENANT,
  OIDC_EMAIL_DOMAINS: 'example.com',
};
const ACCOUNT = JSON.stringify({
  client_email: 'reader@project.iam.gserviceaccount.com',
  private_key: `-----BEGIN PRIVATE KEY-----\n${GOOGLE_KEY.body}\n-----END PRIVATE KEY-----\n`,
  token_uri: `${VENDORS}/google-token`,
});
const GOOGLE = {
  OIDC_PRESET: 'google',
  OIDC_ISSUER: `${VENDORS}/google`,
  OIDC_EMAIL_DOMAINS: 'example.com',
  GOOGLE_SERVICE_ACCOUNT: ACCOUNT,
  GOOGLE_ADMIN,
  GOOGLE_DIRECTORY_URL: `${VENDORS}/directory`,
};

/** `client`: what is different this time. */
async function signIn(settings: object, client = 'gatehouse'): Promise<Result<Identity, string>> {
  const way = oidcSignIn(parseSettings({ ...BASE, OIDC_CLIENT_ID: client, ...settings }));
  const begun = await way?.provider.begin('/');
  if (!way || !begun) throw new Error('there is no provider');
  if (!begun.ok) return begun;
  const response = await fetch(begun.value.redirect, { redirect: 'manual' });
  return way.provider.finish(new URL(response.headers.get('location') ?? ''), begun.value.attempt);
}
const groupsOf = (answer: Result<Identity, string>) => (answer.ok ? answer.value.groups : answer.error);

describe('Okta', () => {
  test('sends names of groups, and how somebody signed in', async () => {
    expect(await signIn(OKTA)).toMatchObject({
      ok: true,
      value: { email: 'ada@example.com', groups: ['corp:dba', 'corp:Everyone'], amr: ['mfa', 'otp', 'pwd'] },
    });
    const begun = await oidcSignIn(parseSettings({ ...BASE, OIDC_CLIENT_ID: 'x', ...OKTA }))?.provider.begin('/');
    expect(begun?.ok && begun.value.redirect.searchParams.get('scope')).toBe('openid email profile groups');
  });

  test.each([
    ['audiences-for-us', true],
    ['audiences-for-another', false],
    ['audiences-for-nobody', false],
  ])('a token for several audiences counts when it was made for us: %s', async (client, ok) => {
    const answer = await signIn(OKTA, client);
    expect(answer.ok || answer.error).toBe(ok || 'audience_wrong');
  });
});

test('Keycloak: roles of the realm, or of a client, whatever dots are in its name', async () => {
  expect(groupsOf(await signIn(KEYCLOAK))).toEqual(['corp:dba', 'corp:offline_access']);
  const of = (claim: string) => signIn({ ...KEYCLOAK, OIDC_GROUPS_CLAIM: claim });
  expect(groupsOf(await of('resource_access.gatehouse.roles'))).toEqual(['corp:admin']);
  expect(groupsOf(await of('resource_access.my.client.roles'))).toEqual(['corp:reader']);
  expect(groupsOf(await of('resource_access.other.roles'))).toBe('groups_missing');
});

describe('Entra ID', () => {
  test('sends ids of groups', async () => {
    expect(groupsOf(await signIn(ENTRA))).toEqual([`corp:${uuid(1)}`, `corp:${uuid(2)}`]);
  });

  test.each(['many', 'hasgroups'])(
    'has groups left out, which are refused and never taken for none: %s',
    async (client) => {
      for (const required of ['true', 'false'])
        expect(groupsOf(await signIn({ ...ENTRA, OIDC_GROUPS_REQUIRED: required }, client))).toBe('groups_left_out');
    },
  );

  test('has them come from Microsoft Graph, page after page', async () => {
    const groups = groupsOf(await signIn({ ...ENTRA, ...GRAPH }, 'many'));
    expect(groups).toHaveLength(450);
    expect(groups).toContain(`corp:${uuid(2149)}`);
    // In no group: nothing is left out, and Graph is not asked.
    expect(groupsOf(await signIn({ ...ENTRA, ...GRAPH, OIDC_GROUPS_REQUIRED: 'false' }, 'no-groups'))).toEqual([]);
    expect(groupsOf(await signIn({ ...ENTRA, ...GRAPH }, 'usual'))).toHaveLength(2);
  });

  test.each([
    ['throttled', 'groups_unreachable'],
    ['away', 'groups_unreachable'],
    ['forbidden', 'groups_refused'],
    ['odd', 'groups_unreadable'],
    ['elsewhere', 'groups_unreadable'],
    ['endless', 'groups_too_many'],
  ])('lets nobody in where Graph is %s', async (client, reason) => {
    expect(Object.keys(OID)).toContain(client);
    expect(groupsOf(await signIn({ ...ENTRA, ...GRAPH, OIDC_GROUPS_REQUIRED: 'false' }, client))).toBe(reason);
  });

  test('a Graph that is not there at all, and a secret that is wrong, let nobody in', async () => {
    expect(groupsOf(await signIn({ ...ENTRA, ...GRAPH, ENTRA_GRAPH_URL: 'http://127.0.0.1:9' }, 'many'))).toBe(
      'groups_refused',
    );
    expect(groupsOf(await signIn({ ...ENTRA, ...GRAPH, OIDC_CLIENT_SECRET: 'another' }, 'many'))).toBe(
      'groups_refused',
    );
  });

  test('of many tenants: of those that are listed, with addresses that are verified', async () => {
    const good = await signIn(MANY);
    expect(good).toMatchObject({ ok: true, value: { subject: `${VENDORS}/entra/${TENANT}/v2.0#ada` } });
    expect(groupsOf(await signIn(MANY, 'their-tenant'))).toBe('issuer_wrong');
    expect(
      groupsOf(await signIn({ ...MANY, OIDC_TENANTS: `${TENANT}, ${THEIR_TENANT}` }, 'their-tenant')),
    ).toHaveLength(2);
    expect(groupsOf(await signIn(MANY, 'unverified-domain'))).toBe('email_unverified');
    // A token that names a tenant which is listed, of an issuer that is not its.
    expect(groupsOf(await signIn(MANY, 'other-issuer'))).toBe('issuer_wrong');
    expect(groupsOf(await signIn(ENTRA, 'other-issuer'))).toBe('issuer_wrong');
  });
});

describe('Google Workspace', () => {
  test('has groups come from the Directory API, by their addresses', async () => {
    expect(await signIn(GOOGLE)).toMatchObject({
      ok: true,
      value: { groups: ['corp:dba@example.com', 'corp:oncall@example.com'], authTimeAssumed: true },
    });
  });

  test.each([
    ['google-personal', 'hosted_domain_wrong'],
    ['google-other-domain', 'hosted_domain_wrong'],
    ['google-unverified', 'email_unverified'],
    ['google-away', 'groups_unreachable'],
  ])('lets nobody in: %s', async (client, reason) => {
    expect(groupsOf(await signIn(GOOGLE, client))).toBe(reason);
  });

  test('an administrator who may not read groups is refused by Google, and so is everybody', async () => {
    expect(groupsOf(await signIn({ ...GOOGLE, GOOGLE_ADMIN: 'intern@example.com' }))).toBe('groups_refused');
  });
});

describe('settings', () => {
  const faultOf = (settings: object) => {
    try {
      parseSettings({ ...BASE, OIDC_CLIENT_ID: 'x', ...settings });
      return 'none';
    } catch (error) {
      return error instanceof SettingsError ? error.message : 'another error';
    }
  };
  test.each([
    ['OIDC_PRESET: expected one of generic, okta, entra, google, keycloak', { ...OKTA, OIDC_PRESET: 'azure' }],
    ['OIDC_PRESET: OIDC_ISSUER is of no single tenant', { ...MANY, OIDC_PRESET: 'generic', OIDC_TENANTS: undefined }],
    ['OIDC_TENANTS: missing', { ...MANY, OIDC_TENANTS: undefined }],
    ['OIDC_TENANTS: expected ids', { ...MANY, OIDC_TENANTS: 'contoso' }],
    ['OIDC_TENANTS: says nothing', { ...ENTRA, OIDC_TENANTS: TENANT }],
    ['OIDC_EMAIL_DOMAINS: missing', { ...MANY, OIDC_EMAIL_DOMAINS: undefined }],
    [
      'OIDC_ISSUER: is of personal accounts',
      { ...ENTRA, OIDC_ISSUER: 'https://login.microsoftonline.com/consumers/v2.0' },
    ],
    ['OIDC_CLIENT_SECRET: missing', { ...ENTRA, ...GRAPH, OIDC_CLIENT_SECRET: undefined }],
    ['ENTRA_GRAPH: says nothing', { ...OKTA, ...GRAPH }],
    ['ENTRA_GRAPH_URL: plain http', { ...ENTRA, ...GRAPH, ENTRA_GRAPH_URL: 'http://graph.example.com' }],
    ['OIDC_EMAIL_DOMAINS: missing', { ...GOOGLE, OIDC_EMAIL_DOMAINS: undefined }],
    ['GOOGLE_ADMIN: missing', { ...GOOGLE, GOOGLE_ADMIN: undefined }],
    ['GOOGLE_SERVICE_ACCOUNT: missing', { ...GOOGLE, GOOGLE_SERVICE_ACCOUNT: undefined, GOOGLE_ADMIN: undefined }],
    ['GOOGLE_SERVICE_ACCOUNT: expected the JSON key', { ...GOOGLE, GOOGLE_SERVICE_ACCOUNT: '{"private_key":"hush"}' }],
    ['GOOGLE_SERVICE_ACCOUNT: says nothing', { ...OKTA, GOOGLE_SERVICE_ACCOUNT: ACCOUNT, GOOGLE_ADMIN }],
    ['PROVIDER_NAME: is a word of the policy', { ...OKTA, PROVIDER_NAME: 'scim' }],
  ])('name what is wrong: %s', (message, settings) => {
    expect(faultOf(settings)).toContain(message);
    expect(faultOf(settings)).not.toContain('hush');
  });
});

import { describe, expect, test } from 'vitest';
import { isLoopbackHost, parseSettings, SettingsError } from './settings.ts';

const GOOD = {
  PUBLIC_URL: 'https://gatehouse.example.com/',
  OIDC_ISSUER: 'https://idp.example.com',
  OIDC_CLIENT_ID: 'gatehouse',
  PROVIDER_NAME: 'okta',
  EDGE_SECRET: btoa('x'.repeat(32)),
  FUNCTIONS_URL: 'https://functions.example.com/',
  FUNCTIONS_TOKEN: 'a-token-of-the-tests',
};
const fault = (change: object): string => {
  try {
    parseSettings({ ...GOOD, ...change });
    return 'none';
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.message;
  }
};

test('good settings come out with defaults, secrets wrapped', () => {
  const settings = parseSettings({ ...GOOD, OIDC_CLIENT_SECRET: 'very-secret' });
  expect(settings).toMatchObject({
    PUBLIC_URL: 'https://gatehouse.example.com',
    OIDC_PRESET: 'generic',
    FUNCTIONS_URL: 'https://functions.example.com',
  });
  expect(JSON.stringify(settings)).not.toContain('very-secret');
  expect(settings.OIDC_CLIENT_SECRET?.reveal()).toBe('very-secret');
});

test('witnesses are read, each with its address', () => {
  const text = ' w.example/1+0badcafe+BAAA https://w.example/tlog/ ,\nw2+0badcafe+BAAA\thttp://localhost:1,';
  expect(parseSettings({ ...GOOD, TLOG_WITNESSES: text }).TLOG_WITNESSES).toEqual([
    { key: 'w.example/1+0badcafe+BAAA', url: 'https://w.example/tlog' },
    { key: 'w2+0badcafe+BAAA', url: 'http://localhost:1' },
  ]);
  expect(parseSettings(GOOD).TLOG_WITNESSES).toEqual([]);
});

describe('what is wrong is named, and its value is not shown', () => {
  test.each([
    [{ OIDC_ISSUER: undefined }, 'OIDC_ISSUER: missing'],
    [{ EDGE_SECRET: btoa('short') }, 'EDGE_SECRET: expected at least 32 bytes in base64'],
    [{ EDGE_SECRET: '*** not base64 ***' }, 'EDGE_SECRET: '],
    [{ PUBLIC_URL: 'https://gatehouse.example.com/portal' }, 'PUBLIC_URL: expected an origin'],
    [{ PUBLIC_URL: 'ftp://x' }, 'PUBLIC_URL: '],
    [{ TLOG_WITNESSES: 'w.example+0badcafe+BAAA' }, 'TLOG_WITNESSES: expected NAME+ID+KEY https://'],
    [{ TLOG_WITNESSES: 'w.example+0badcafe+BAAA http://w.example' }, 'TLOG_WITNESSES: expected NAME+ID+KEY https://'],
    [{ TLOG_WITNESSES: 'https://w.example' }, 'TLOG_WITNESSES: expected NAME+ID+KEY https://'],
    [{ OIDC_ISSUER: 'http://idp.example.com' }, 'OIDC_ISSUER: plain http is for loopback only'],
    [{ PROVIDER_NAME: 'Okta EU' }, 'PROVIDER_NAME: expected lower-case'],
    [{ FUNCTIONS_TOKEN: undefined }, 'AWS_ACCESS_KEY_ID: missing (or set FUNCTIONS_TOKEN)'],
    [
      { FUNCTIONS_TOKEN: undefined, AWS_ACCESS_KEY_ID: 'id-of-key', AWS_SECRET_ACCESS_KEY: 'key-itself' },
      'AWS_REGION: missing',
    ],
    [{ CONNECTOR_JOIN_TOKEN: 'short' }, 'CONNECTOR_JOIN_TOKEN: '],
  ])('%j', (change, told) => {
    const message = fault(change);
    expect(message).toContain(told);
    for (const value of Object.values(change)) if (value) expect(message).not.toContain(value);
  });
});

test('plain http is fine for an issuer on loopback', () => {
  for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000'])
    expect(fault({ OIDC_ISSUER: `http://${host}` })).toBe('none');
});

test('loopback is what leads to this very machine', () => {
  for (const name of ['localhost', '127.0.0.1', '127.8.9.1', '::1', '[::1]']) expect(isLoopbackHost(name)).toBe(true);
  for (const name of ['localhost.example.com', '127.0.0.1.example.com', '10.0.0.1', '128.0.0.1', ''])
    expect(isLoopbackHost(name)).toBe(false);
});

describe('settings of notices', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    [
      'Slack',
      { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_SIGNING_SECRET: 's', SLACK_WEBHOOK_URL: 'https://hooks.example/T' },
      undefined,
    ],
    ['a server on this machine', { SLACK_API_URL: 'http://127.0.0.1:1/api/' }, undefined],
    ['a webhook', { WEBHOOK_URL: 'https://a.example/x', WEBHOOK_SECRET: 'whsec_b25seSBmb3IgdGVzdHM=' }, undefined],
    ['a webhook without a secret', { WEBHOOK_URL: 'https://a.example/x' }, 'WEBHOOK_SECRET: missing'],
    ['a secret that is no base64', { WEBHOOK_SECRET: 'whsec_not base64 at all' }, 'WEBHOOK_SECRET: expected base64'],
    ['plain http elsewhere', { TEAMS_WEBHOOK_URL: 'http://teams.example/secret' }, 'TEAMS_WEBHOOK_URL: plain http'],
    ['another scheme', { SLACK_WEBHOOK_URL: 'file:///etc/passwd' }, 'SLACK_WEBHOOK_URL'],
  ])('%s', (_name, more, problem) => {
    const parse = () => parseSettings({ ...GOOD, ...more });
    if (problem === undefined) expect(JSON.stringify(parse())).not.toMatch(/hooks\.example|a\.example|xoxb/);
    else {
      expect(parse).toThrow(problem);
      expect(parse).not.toThrow('secret"');
    }
  });
});

describe('settings of SAML', () => {
  const PEM = (label: string) => `-----BEGIN ${label}-----\n${btoa('x'.repeat(60))}\n-----END ${label}-----\n`;
  const SAML = { SAML_IDP_METADATA: '<EntityDescriptor/>', SAML_PROVIDER_NAME: 'corp' };
  const ALONE = { ...SAML, OIDC_ISSUER: undefined, OIDC_CLIENT_ID: undefined, PROVIDER_NAME: undefined };
  const DOMAINS = { SAML_EMAIL_DOMAINS: 'a.example', OIDC_EMAIL_DOMAINS: 'b.example' };
  test.each<[string, Record<string, string | undefined>, string]>([
    ['alone', ALONE, 'none'],
    ['beside OpenID Connect', { ...SAML, ...DOMAINS }, 'none'],
    [
      'a key and its certificate',
      { ...ALONE, SAML_PRIVATE_KEY: PEM('PRIVATE KEY'), SAML_CERTIFICATE: PEM('CERTIFICATE') },
      'none',
    ],
    [
      'by an address',
      {
        ...ALONE,
        SAML_IDP_METADATA: undefined,
        SAML_IDP_METADATA_URL: 'https://idp.example/m',
        SAML_IDP_ENTITY_ID: 'urn:idp',
      },
      'none',
    ],
    ['neither', { ...ALONE, SAML_IDP_METADATA: undefined }, 'OIDC_ISSUER: missing'],
    ['half of OpenID Connect', { ...SAML, ...DOMAINS, OIDC_CLIENT_ID: undefined }, 'OIDC_CLIENT_ID: missing'],
    ['without a name', { ...ALONE, SAML_PROVIDER_NAME: undefined }, 'SAML_PROVIDER_NAME: missing'],
    [
      'by an address, of whomever',
      { ...ALONE, SAML_IDP_METADATA: undefined, SAML_IDP_METADATA_URL: 'https://idp.example/m' },
      'SAML_IDP_ENTITY_ID: missing',
    ],
    [
      'by an address that anybody can change',
      {
        ...ALONE,
        SAML_IDP_METADATA: undefined,
        SAML_IDP_METADATA_URL: 'http://idp.example/m',
        SAML_IDP_ENTITY_ID: 'urn:idp',
      },
      'SAML_IDP_METADATA_URL: plain http',
    ],
    [
      'metadata twice',
      { ...ALONE, SAML_IDP_METADATA_URL: 'https://idp.example/m', SAML_IDP_ENTITY_ID: 'urn:idp' },
      'SAML_IDP_METADATA_URL: set beside',
    ],
    ['a key without its certificate', { ...ALONE, SAML_PRIVATE_KEY: PEM('PRIVATE KEY') }, 'SAML_CERTIFICATE: missing'],
    [
      'an encrypted key',
      { ...ALONE, SAML_PRIVATE_KEY: PEM('ENCRYPTED PRIVATE KEY'), SAML_CERTIFICATE: PEM('CERTIFICATE') },
      'SAML_PRIVATE_KEY: expected PEM',
    ],
    [
      'one name for two providers',
      { ...SAML, ...DOMAINS, SAML_PROVIDER_NAME: 'okta' },
      'SAML_PROVIDER_NAME: is PROVIDER_NAME',
    ],
    ['two providers for any address', SAML, 'SAML_EMAIL_DOMAINS: missing'],
    [
      'two providers for one address',
      { ...SAML, ...DOMAINS, SAML_EMAIL_DOMAINS: 'A.example, b.example' },
      'SAML_EMAIL_DOMAINS: has a domain of',
    ],
  ])('%s', (_what, change, told) => {
    const message = fault(change);
    expect(message).toContain(told);
    expect(message).not.toContain('eHh4');
  });

  test('keys are kept as secrets', () => {
    const settings = parseSettings({
      ...GOOD,
      ...ALONE,
      SAML_PRIVATE_KEY: PEM('PRIVATE KEY').repeat(2),
      SAML_CERTIFICATE: PEM('CERTIFICATE'),
    });
    expect(settings.SAML_PRIVATE_KEY?.reveal()).toHaveLength(2);
    expect(JSON.stringify(settings.SAML_PRIVATE_KEY)).not.toContain('120');
  });
});

test("issuers of programs' tokens: presets know theirs, mistakes are named", () => {
  const read = (value: unknown) => parseSettings({ ...GOOD, WORKLOAD_ISSUERS: JSON.stringify(value) }).WORKLOAD_ISSUERS;
  expect(parseSettings(GOOD).WORKLOAD_ISSUERS).toEqual([]);
  expect(
    read([
      { preset: 'github-actions', claims: { repository_owner_id: '1' } },
      { name: 'k8s', issuer: 'https://oidc.example.com/c', audience: 'https://gh' },
    ]),
  ).toMatchObject([
    {
      kind: 'github-actions',
      name: 'github',
      issuer: 'https://token.actions.githubusercontent.com',
      algorithms: ['RS256'],
      claims: { repository_owner_id: ['1'] },
    },
    { kind: 'oidc', name: 'k8s', issuer: 'https://oidc.example.com/c', audience: 'https://gh' },
  ]);
  const mistake = (value: unknown) => fault({ WORKLOAD_ISSUERS: JSON.stringify(value) });
  expect(fault({ WORKLOAD_ISSUERS: 'github' })).toContain('WORKLOAD_ISSUERS: expected a list in JSON');
  expect(mistake([{ name: 'k8s' }])).toContain('a preset, or a name and an issuer');
  expect(mistake([{ preset: 'gitlab', claim: {} }])).toContain('0: ');
  expect(mistake([{ preset: 'gitlab', issuer: 'http://gitlab.example.com' }])).toContain('plain http');
  expect(mistake([{ preset: 'gitlab' }, { preset: 'gitlab' }])).toContain('two issuers have the name gitlab');
  expect(mistake([{ preset: 'gitlab' }, { preset: 'gitlab', name: 'other' }])).toContain('two issuers have the issuer');
  for (const name of ['workload', 'user']) expect(fault({ PROVIDER_NAME: name })).toContain('is a word of the policy');
});

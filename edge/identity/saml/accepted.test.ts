import { describe, expect, test } from 'vitest';
import {
  ATTEMPT,
  assertionXml,
  at,
  attribute,
  encode,
  encrypt,
  NOW,
  newKey,
  privateKeysOf,
  responseXml,
  serviceProvider,
  sign,
} from '../../test/saml.ts';
import type { SamlSettings } from './provider.ts';

const key = await newKey();
const ours = await newKey();

/** `attempt` null: this browser was not sent anywhere. */
const finish = async (xml: string, change: Partial<SamlSettings> = {}, attempt: typeof ATTEMPT | null = ATTEMPT) =>
  serviceProvider([key], change).finish(encode(xml), attempt ?? undefined, NOW);

const ALICE = {
  subject: 'saml:https://idp.example/metadata#alice',
  email: 'alice@example.com',
  name: 'Alice@Example.com',
  groups: ['corp:dba', 'corp:eng'],
  provider: 'corp',
  authenticatedAt: at(-60),
  acr: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
};
const signed = (parts = {}) => sign(responseXml(assertionXml(parts)), key);

describe('takes what real providers send', () => {
  test.each<[string, () => string | Promise<string>, Partial<SamlSettings>]>([
    ['a signed assertion', () => signed(), {}],
    ['both signed', () => sign(signed(), key, { id: '_response' }), { signed: 'both' }],
    [
      'a signed response, where that is set',
      () => sign(responseXml(assertionXml()), key, { id: '_response' }),
      { signed: 'response' },
    ],
    [
      'RSA with SHA-512',
      () =>
        sign(responseXml(assertionXml()), key, {
          algorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
          digest: 'http://www.w3.org/2001/04/xmlenc#sha512',
        }),
      {},
    ],
    [
      'RSA-PSS',
      () =>
        sign(responseXml(assertionXml()), key, { algorithm: 'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1' }),
      {},
    ],
    [
      'an encrypted assertion (AES-GCM)',
      async () => responseXml(await encrypt(sign(assertionXml(), key), ours)),
      privateKeysOf(ours),
    ],
    [
      'an encrypted assertion (AES-CBC)',
      async () => responseXml(await encrypt(sign(assertionXml(), key), ours, 'cbc')),
      privateKeysOf(ours),
    ],
    [
      'one for the key before',
      async () => responseXml(await encrypt(sign(assertionXml(), key), ours)),
      privateKeysOf(key, ours),
    ],
    ['an XML declaration', () => `<?xml version="1.0" encoding="UTF-8"?>\n${signed()}`, {}],
    [
      'groups as attributes of one name, as Keycloak has them',
      () =>
        signed({
          attributes:
            attribute('email', 'alice@example.com') +
            attribute('displayName', 'Alice@Example.com') +
            attribute('groups', 'dba') +
            attribute('groups', 'eng'),
        }),
      {},
    ],
    [
      'a second confirmation that is none',
      () =>
        signed({
          confirmation: `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"/>${/<saml:SubjectConfirmation .*<\/saml:SubjectConfirmation>/.exec(assertionXml())?.[0]}`,
        }),
      {},
    ],
    [
      'clocks a minute apart',
      () =>
        signed({
          issued: at(55),
          conditions: `<saml:Conditions NotBefore="${at(55)}" NotOnOrAfter="${at(300)}"><saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience><saml:Audience>https://gatehouse.example.com/saml/metadata</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/></saml:Conditions>`,
        }),
      {},
    ],
  ])('%s', async (_what, build, change) => {
    expect(await finish(await build(), change)).toEqual({
      ok: true,
      value: expect.objectContaining({ identity: ALICE, isAnswer: true }),
    });
  });
});

test('during a rollover either key of the metadata signs', async () => {
  const next = await newKey();
  for (const signer of [key, next]) {
    const xml = sign(responseXml(assertionXml()), signer);
    expect(await serviceProvider([key, next]).finish(encode(xml), ATTEMPT, NOW)).toMatchObject({ ok: true });
  }
});

test('the session ends when the provider says', async () => {
  const authentication = `<saml:AuthnStatement AuthnInstant="${at(-60)}" SessionNotOnOrAfter="${at(1800)}"/>`;
  expect(await finish(signed({ authentication }))).toMatchObject({ value: { identity: { signedInUntil: at(1800) } } });
});

describe('who it is', () => {
  const EMAIL = 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress';
  const nameId = (format: string, value: string) => `<saml:NameID Format="${format}">${value}</saml:NameID>`;
  const groups = attribute('groups', 'dba');
  test.each<[string, Parameters<typeof assertionXml>[0], Partial<SamlSettings>, object | string]>([
    [
      'the NameID as address',
      { nameId: nameId(EMAIL, 'Al@example.com'), attributes: groups },
      { emailAttribute: 'NameID' },
      { email: 'al@example.com' },
    ],
    [
      'a NameID of another format as address',
      { nameId: nameId('urn:x', 'al@example.com'), attributes: groups },
      { emailAttribute: 'NameID' },
      'email_missing',
    ],
    [
      'a subject in an attribute',
      { attributes: attribute('email', 'a@b.example') + attribute('uid', '4711') + groups },
      { subjectAttribute: 'uid' },
      { subject: 'saml:https://idp.example/metadata#4711' },
    ],
    [
      'a name',
      { attributes: attribute('email', 'a@b.example') + attribute('displayName', 'Al &amp; Co') + groups },
      {},
      { name: 'Al & Co' },
    ],
    ['groups left out', { attributes: attribute('email', 'a@b.example') }, {}, 'groups_missing'],
    [
      'groups left out, where they need not be there',
      { attributes: attribute('email', 'a@b.example') },
      { groupsRequired: false },
      { groups: [] },
    ],
    [
      'more groups than Entra ID sends',
      {
        attributes:
          attribute('email', 'a@b.example') +
          attribute('http://schemas.microsoft.com/claims/groups.link', 'https://graph'),
      },
      { groupsRequired: false },
      'groups_left_out',
    ],
    ['another domain', {}, { emailDomains: ['example.org'] }, 'email_domain_not_allowed'],
    [
      'two addresses',
      { attributes: attribute('email', 'a@b.example', 'admin@b.example') + groups },
      {},
      'attribute_twice',
    ],
    [
      'an address in two attributes',
      { attributes: attribute('email', 'a@b.example') + attribute('email', 'admin@b.example') + groups },
      {},
      'attribute_twice',
    ],
    [
      'an address with elements in it',
      { attributes: attribute('email', 'a@b.example<x xmlns="urn:x"/>').replace('a@b.example<', '<') + groups },
      {},
      'email_missing',
    ],
    [
      'a name for one sign-in alone',
      { nameId: nameId('urn:oasis:names:tc:SAML:2.0:nameid-format:transient', '_x') },
      {},
      'subject_transient',
    ],
    ['a name of another format than was asked for', {}, { nameIdFormat: 'persistent' }, 'subject_wrong'],
    [
      "a name made for somebody else's service",
      { nameId: '<saml:NameID SPNameQualifier="https://other.example">alice</saml:NameID>' },
      {},
      'subject_wrong',
    ],
    ['an encrypted name', { nameId: '<saml:EncryptedID/>' }, {}, 'subject_wrong'],
  ])('%s', async (_what, parts, change, expected) => {
    const found = await finish(signed(parts), change);
    if (typeof expected === 'string') expect(found).toEqual({ ok: false, error: expected });
    else expect(found).toMatchObject({ ok: true, value: { identity: expected } });
  });
});

describe('a sign-in that nobody began here', () => {
  const unsolicited = () => sign(responseXml(assertionXml({ answers: '' }), { answers: '' }), key);
  test('is refused', async () => {
    expect(await finish(unsolicited(), {}, null)).toEqual({ ok: false, error: 'unsolicited' });
    expect(await finish(unsolicited())).toEqual({ ok: false, error: 'unsolicited' });
  });
  test('is taken where that is set, and is no answer to what this browser asked', async () => {
    for (const attempt of [null, ATTEMPT])
      expect(await finish(unsolicited(), { idpInitiated: true }, attempt)).toMatchObject({
        ok: true,
        value: { isAnswer: false, forgetAtMs: NOW - 1000 + 660_000 },
      });
  });
  test('a response that answers a request needs that request all the same', async () => {
    expect(await finish(signed(), { idpInitiated: true }, null)).toEqual({ ok: false, error: 'attempt_unknown' });
    const half = sign(responseXml(assertionXml(), { answers: '' }), key);
    expect(await finish(half, { idpInitiated: true }, null)).toEqual({ ok: false, error: 'request_wrong' });
  });
});

test('a stronger sign-in is insisted on', async () => {
  const contexts = ['https://refeds.org/profile/mfa'];
  expect(await finish(signed(), { contexts })).toEqual({ ok: false, error: 'context_wrong' });
  expect(
    await finish(signed({ authentication: `<saml:AuthnStatement AuthnInstant="${at(-60)}"/>` }), { contexts }),
  ).toEqual({ ok: false, error: 'context_wrong' });
  expect(await finish(signed(), { contexts: [ALICE.acr] })).toMatchObject({ ok: true });
});

test('where people sign in anew each time, an earlier sign-in is not enough', async () => {
  const authentication = `<saml:AuthnStatement AuthnInstant="${at(-90)}"/>`;
  expect(await finish(signed({ authentication }), { forceAuthn: true })).toEqual({
    ok: false,
    error: 'authentication_wrong',
  });
  expect(await finish(signed(), { forceAuthn: true })).toMatchObject({ ok: true });
});

test('signing in again as a rule asks: its context and new credentials are asked for, and insisted on', async () => {
  const stepUp = { require: { acr: ['https://refeds.org/profile/mfa', ALICE.acr], maxAge: 300_000 } };
  const begun = await serviceProvider([key], { contexts: ['urn:usual'] }).begin('/', NOW, stepUp);
  if (!begun.ok || begun.value.send.kind !== 'redirect') throw new Error('nothing was sent');
  const deflated = Uint8Array.from(atob(begun.value.send.address.searchParams.get('SAMLRequest') ?? ''), (letter) =>
    letter.charCodeAt(0),
  );
  const inflated = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const request = await new Response(inflated).text();
  expect(request).toContain('ForceAuthn="true"');
  expect(request).toContain('<saml:AuthnContextClassRef>https://refeds.org/profile/mfa</saml:AuthnContextClassRef>');
  expect(request).not.toContain('urn:usual');
  expect(begun.value.attempt.stepUp).toEqual(stepUp);

  const other = { ...ATTEMPT, stepUp: { require: { acr: ['https://refeds.org/profile/mfa'] } } };
  expect(await finish(signed(), {}, other)).toEqual({ ok: false, error: 'context_wrong' });
  const earlier = `<saml:AuthnStatement AuthnInstant="${at(-90)}"/>`;
  const late = await finish(signed({ authentication: earlier }), {}, {
    ...ATTEMPT,
    stepUp: { require: { maxAge: 1 } },
  } as typeof ATTEMPT);
  expect(late).toEqual({ ok: false, error: 'authentication_wrong' });
  const good = await finish(signed(), {}, { ...ATTEMPT, stepUp } as typeof ATTEMPT);
  expect(good.ok && good.value.identity.authTimeAssumed).toBe(undefined);
});

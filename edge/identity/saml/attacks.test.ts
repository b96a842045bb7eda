// Attacks on service providers that are known, each with the signature of a real provider where it needs one, and why it
// fails here. CVE numbers are those of libraries that let it through.

import { beforeAll, describe, expect, test } from 'vitest';
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
  type Signing,
  serviceProvider,
  sign,
  type TestKey,
} from '../../test/saml.ts';
import type { SamlSettings } from './provider.ts';
import { MAX_SAML_BYTES } from './xml.ts';

let key: TestKey;
let attacker: TestKey;
let ours: TestKey;
beforeAll(async () => {
  [key, attacker, ours] = await Promise.all([newKey(), newKey(), newKey()]);
});

const refusal = async (encoded: string, change: Partial<SamlSettings> = {}, now = NOW) => {
  const found = await serviceProvider([key], change).finish(encoded, ATTEMPT, now);
  return found.ok ? found.value.identity : found.error;
};
type Attack = readonly [
  what: string,
  build: () => string | Promise<string>,
  fault: string,
  change?: Partial<SamlSettings>,
];
function refused(attacks: readonly Attack[]): void {
  for (const [what, build, fault, change] of attacks)
    test(what, async () => {
      expect(await refusal(encode(await build()), change)).toBe(fault);
    });
}

const BODY = () => responseXml(assertionXml());
const signed = (xml = BODY(), how: Signing = {}) => sign(xml, key, how);
/** Both signed, as most providers do it. */
const signedTwice = () => sign(signed(), key, { id: '_response' });
const part = (xml: string, name: string): string =>
  new RegExp(`<${name}[ >][\\s\\S]*</${name}>`).exec(xml)?.[0] ?? 'there is no such part';
const assertionOf = (xml: string) => part(xml, 'saml:Assertion');
const signatureOf = (xml: string) => part(xml, 'ds:Signature');
const EVIL = {
  id: '_evil',
  nameId: '<saml:NameID>admin</saml:NameID>',
  attributes: attribute('email', 'admin@example.com') + attribute('groups', 'dba'),
};
const evil = () => assertionXml(EVIL);
const inside = (assertion: string, what: string) => assertion.replace('</saml:Assertion>', `${what}</saml:Assertion>`);
const behindIssuer = (assertion: string, what: string) => assertion.replace('</saml:Issuer>', `</saml:Issuer>${what}`);

test('what these are made from is taken', async () => {
  expect(await refusal(encode(signed()))).toMatchObject({ email: 'alice@example.com' });
  expect(await refusal(encode(signedTwice()))).toMatchObject({ email: 'alice@example.com' });
});

describe('signature wrapping', () => {
  const response = () => sign(BODY(), key, { id: '_response' });
  const withoutSignature = (xml: string) => xml.replace(signatureOf(xml), '');
  refused([
    [
      '1: the signed response inside the signature of another',
      () => {
        const xml = response();
        const signature = signatureOf(xml).replace('</ds:Signature>', `${withoutSignature(xml)}</ds:Signature>`);
        return behindIssuer(responseXml(evil(), { id: '_evil_response' }), signature);
      },
      'structure_wrong',
      { signed: 'response' },
    ],
    [
      '2: the signed response before the signature of another',
      () => {
        const xml = response();
        return behindIssuer(responseXml(evil(), { id: '_evil_response' }), withoutSignature(xml) + signatureOf(xml));
      },
      'structure_wrong',
      { signed: 'response' },
    ],
    [
      '3: another assertion before the signed one',
      () => responseXml(evil() + assertionOf(signed())),
      'structure_wrong',
    ],
    [
      '4: the signed assertion inside another',
      () => responseXml(inside(evil(), assertionOf(signed()))),
      'structure_wrong',
    ],
    [
      '5: the signature in another assertion, the signed one behind',
      () => {
        const xml = signed();
        return responseXml(behindIssuer(evil(), signatureOf(xml)) + assertionOf(xml).replace(signatureOf(xml), ''));
      },
      'structure_wrong',
    ],
    [
      '6: the signed assertion inside the signature of another',
      () => {
        const xml = signed();
        const original = assertionOf(xml).replace(signatureOf(xml), '');
        return responseXml(
          behindIssuer(evil(), signatureOf(xml).replace('</ds:Signature>', `${original}</ds:Signature>`)),
        );
      },
      'structure_wrong',
    ],
    [
      '7: the signed assertion in extensions, another in its place',
      () =>
        signed().replace(
          /<samlp:Status>.*/,
          (rest) =>
            `<samlp:Extensions>${assertionOf(rest)}</samlp:Extensions><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${evil()}</samlp:Response>`,
        ),
      'structure_wrong',
    ],
    [
      '8: the signed assertion in an object of the signature of another',
      () => {
        const xml = signed();
        const original = assertionOf(xml).replace(signatureOf(xml), '');
        return responseXml(
          behindIssuer(
            evil(),
            signatureOf(xml).replace('</ds:Signature>', `<ds:Object>${original}</ds:Object></ds:Signature>`),
          ),
        );
      },
      'structure_wrong',
    ],
    [
      'an assertion of the same id (CVE-2024-45409)',
      () => responseXml(assertionXml({ ...EVIL, id: '_assertion' }) + assertionOf(signed())),
      'structure_wrong',
    ],
    [
      'the signed assertion in a status detail (CVE-2024-45409)',
      () =>
        responseXml(evil()).replace(
          '</samlp:Status>',
          `<samlp:StatusDetail>${assertionOf(signed())}</samlp:StatusDetail></samlp:Status>`,
        ),
      'structure_wrong',
    ],
    [
      'a signature of another element with its id',
      () => {
        const xml = signed();
        return responseXml(behindIssuer(evil(), signatureOf(xml))).replace(
          '<samlp:StatusCode',
          '<samlp:StatusCode ID="_assertion"',
        );
      },
      'structure_wrong',
    ],
    [
      'an assertion of nobody in the place where the signed one stood (CVE-2025-54419)',
      () => {
        const xml = signedTwice();
        return xml.replace('>alice<', '>admin<');
      },
      'signature_wrong',
    ],
    [
      'a decoy signature with the same value, and an assertion in it',
      () =>
        signedTwice().replace(
          /<\/samlp:Response>$/,
          (end) =>
            `${signatureOf(sign(BODY(), key, { id: '_response' })).replace('</ds:Signature>', `<ds:Object>${evil()}</ds:Object></ds:Signature>`)}${end}`,
        ),
      'structure_wrong',
    ],
    [
      'a signed error response with an assertion put in (CVE-2022-39299)',
      () =>
        sign(responseXml('', { status: 'Responder' }), key, { id: '_response' }).replace(
          '</samlp:Response>',
          `${evil()}</samlp:Response>`,
        ),
      'signature_wrong',
      { signed: 'response' },
    ],
    ['two root elements (CVE-2022-39299)', () => signed() + evil(), 'xml_refused'],
    [
      'a logout response in its place',
      () => signed().replaceAll('samlp:Response', 'samlp:LogoutResponse'),
      'structure_wrong',
    ],
    ['extensions', () => signed().replace('<samlp:Status>', '<samlp:Extensions/><samlp:Status>'), 'structure_wrong'],
    [
      'an unsigned assertion in a status detail, beside the signed one',
      () => signed().replace('</samlp:Status>', `<samlp:StatusDetail>${evil()}</samlp:StatusDetail></samlp:Status>`),
      'structure_wrong',
    ],
    [
      'a signature where none belongs',
      () =>
        signed().replace(
          '</samlp:Status>',
          `<samlp:StatusDetail>${signatureOf(signed())}</samlp:StatusDetail></samlp:Status>`,
        ),
      'structure_wrong',
    ],
    [
      'the id of the signed assertion elsewhere too',
      () => signed().replace('<samlp:StatusCode', '<samlp:StatusCode Id="_assertion"'),
      'structure_wrong',
    ],
    [
      'an assertion as the whole message',
      () => sign(assertionXml(), key).replace('<saml:Assertion ', '<saml:Assertion InResponseTo="_request" '),
      'structure_wrong',
    ],
  ]);
});

describe('signatures that are missing, or not the right ones', () => {
  const SHA1 = 'http://www.w3.org/2000/09/xmldsig#';
  refused([
    ['nothing is signed', BODY, 'signature_missing'],
    ['nothing is signed, where the response has to be', BODY, 'signature_missing', { signed: 'response' }],
    ['an unsigned assertion in a signed response', () => sign(BODY(), key, { id: '_response' }), 'signature_missing'],
    [
      'a signed assertion in an unsigned response, where both have to be',
      () => signed(),
      'signature_missing',
      { signed: 'both' },
    ],
    [
      'a signed assertion in an unsigned response, where that has to be',
      () => signed(),
      'signature_missing',
      { signed: 'response' },
    ],
    [
      "a response with somebody else's signature around a right assertion",
      () => sign(signed(), attacker, { id: '_response' }),
      'signature_wrong',
    ],
    ["somebody else's key, in KeyInfo too", () => sign(BODY(), attacker), 'signature_wrong'],
    ['the public key as the secret of an HMAC', () => signed(BODY(), { hmac: true }), 'algorithm_refused'],
    ['RSA with SHA-1', () => signed(BODY(), { algorithm: `${SHA1}rsa-sha1` }), 'algorithm_refused'],
    ['a digest by SHA-1', () => signed(BODY(), { digest: `${SHA1}sha1` }), 'algorithm_refused'],
    [
      'inclusive canonicalization',
      () => signed(BODY(), { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' }),
      'algorithm_refused',
    ],
    [
      'canonicalization with comments',
      () => signed(BODY(), { canonicalization: 'http://www.w3.org/2001/10/xml-exc-c14n#WithComments' }),
      'algorithm_refused',
    ],
    [
      'one transform alone',
      () => signed(BODY(), { transforms: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature'] }),
      'algorithm_refused',
    ],
    [
      'an XSLT transform',
      () =>
        signed().replace(
          /<ds:Transforms>/,
          '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x xmlns="http://www.w3.org/1999/XSL/Transform"/></ds:Transform>',
        ),
      'algorithm_refused',
    ],
    [
      'an XPath transform',
      () =>
        signed().replace(
          /<ds:Transforms>/,
          '<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>//*</ds:XPath></ds:Transform>',
        ),
      'algorithm_refused',
    ],
    [
      'a signature of the response in the place of the assertion’s',
      () => {
        const xml = sign(BODY(), key, { id: '_response' });
        return xml
          .replace(signatureOf(xml), '')
          .replace(/(ID="_assertion".*?<\/saml:Issuer>)/, `$1${signatureOf(xml)}`);
      },
      'structure_wrong',
    ],
    ['two references', () => signed(BODY(), { references: ['_assertion', '_response'] }), 'structure_wrong'],
    ['a reference to the whole document', () => signed().replace('URI="#_assertion"', 'URI=""'), 'structure_wrong'],
    ['no reference', () => signed().replace(/<ds:Reference.*<\/ds:Reference>/, ''), 'structure_wrong'],
    [
      'two SignedInfo (CVE-2025-29774)',
      () =>
        signed().replace(/<ds:SignedInfo>.*<\/ds:SignedInfo>/, (info) => info + info.replace('_assertion', '_evil')),
      'structure_wrong',
    ],
    [
      'a comment in the digest (CVE-2025-29775)',
      () => signed().replace('<ds:DigestValue>', '<ds:DigestValue><!--forged-->'),
      'xml_refused',
    ],
    [
      'two signatures',
      () => signed().replace(/<ds:Signature .*<\/ds:Signature>/, (signature) => signature + signature),
      'structure_wrong',
    ],
    [
      'an assertion changed after it was signed',
      () => signed().replace('Alice@Example.com', 'admin@example.com'),
      'signature_wrong',
    ],
    [
      'an empty signature value',
      () => signed().replace(/<ds:SignatureValue>.*<\/ds:SignatureValue>/, '<ds:SignatureValue></ds:SignatureValue>'),
      'signature_wrong',
    ],
    [
      'an attribute that canonicalization forgets',
      () =>
        signed()
          .replace('ID="_assertion"', 'ID="_assertion" xmlnsx="urn:x"')
          .replace(
            'Version="2.0" IssueInstant="2026-11-20T09:59:59.000Z"><saml:Issuer>',
            'Version="3.0" IssueInstant="2026-11-20T09:59:59.000Z"><saml:Issuer>',
          ),
      'signature_wrong',
    ],
  ]);
});

describe('XML that parsers read differently', () => {
  const doctype = (inside: string) => `<!DOCTYPE x [${inside}]>`;
  refused([
    [
      'a comment in the NameID (CVE-2017-11427)',
      () => signed(responseXml(assertionXml({ nameId: '<saml:NameID>admin<!---->.evil</saml:NameID>' }))),
      'xml_refused',
    ],
    [
      'a comment in an attribute',
      () =>
        signed(responseXml(assertionXml({ attributes: attribute('email', 'admin@example.com<!-- -->.evil.example') }))),
      'xml_refused',
    ],
    ['a comment put in after it was signed', () => signed().replace('>alice<', '>ali<!---->ce<'), 'xml_refused'],
    ['a processing instruction in the NameID', () => signed().replace('>alice<', '>ali<?x ?>ce<'), 'xml_refused'],
    ['CDATA', () => signed().replace('>alice<', '><![CDATA[alice]]><'), 'xml_refused'],
    ['a document type', () => doctype('') + signed(), 'xml_refused'],
    [
      'an external entity',
      () => doctype('<!ENTITY x SYSTEM "file:///etc/passwd">') + signed().replace('>alice<', '>&x;<'),
      'xml_refused',
    ],
    ['an external document type', () => `<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">${signed()}`, 'xml_refused'],
    ['a parameter entity', () => doctype('<!ENTITY % x SYSTEM "https://evil.example/"> %x;') + signed(), 'xml_refused'],
    [
      'entities that expand',
      () =>
        doctype('<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">') +
        signed().replace('>alice<', '>&c;<'),
      'xml_refused',
    ],
    ['an entity that nobody declared', () => signed().replace('>alice<', '>&alice;<'), 'xml_refused'],
    ['the number of no character', () => signed().replace('>alice<', '>alice&#0;<'), 'xml_refused'],
    ['an ampersand alone', () => signed().replace('>alice<', '>al & ice<'), 'xml_refused'],
    ['a control character', () => signed().replace('>alice<', '>alice\u0000<'), 'xml_refused'],
    ['an attribute twice', () => signed().replace('ID="_assertion"', 'ID="_assertion" ID="_evil"'), 'xml_refused'],
    [
      'an attribute twice, by two prefixes',
      () => signed().replace('ID="_assertion"', 'ID="_assertion" xmlns:a="urn:x" xmlns:b="urn:x" a:y="1" b:y="2"'),
      'xml_refused',
    ],
    [
      'an id with a prefix',
      () => signed().replace('<samlp:StatusCode', '<samlp:StatusCode xmlns:e="urn:e" e:ID="_assertion"'),
      'xml_refused',
    ],
    ['xml:id', () => signed().replace('<samlp:StatusCode', '<samlp:StatusCode xml:id="_assertion"'), 'xml_refused'],
    [
      'a prefix that nobody declared',
      () => signed().replace('<saml:Subject>', '<evil:Subject>').replace('</saml:Subject>', '</evil:Subject>'),
      'xml_refused',
    ],
    ['a prefix bound to nothing', () => signed().replace('<samlp:Status>', '<samlp:Status xmlns:e="">'), 'xml_refused'],
    [
      'the prefix xml bound to something',
      () => signed().replace('<samlp:Status>', '<samlp:Status xmlns:xml="urn:e">'),
      'xml_refused',
    ],
    [
      'the right names in another namespace',
      () =>
        signed(
          BODY().replace(
            'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID',
            'xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion" ID',
          ),
        ),
      'structure_wrong',
    ],
    [
      'a prefix bound anew below',
      () =>
        signed(
          responseXml(
            assertionXml({
              subject: '<saml:Subject xmlns:saml="urn:evil"><saml:NameID>admin</saml:NameID></saml:Subject>',
            }),
          ),
        ),
      'structure_wrong',
    ],
    [
      'a signature in another namespace',
      () => signed().replace('xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', 'xmlns:ds="urn:evil"'),
      'structure_wrong',
    ],
    ['text among elements', () => signed().replace('<saml:Subject>', 'admin<saml:Subject>'), 'xml_refused'],
    [
      'an attribute without quotes',
      () => signed().replace('Version="2.0" IssueInstant', 'Version=2.0 IssueInstant'),
      'xml_refused',
    ],
    ['an element that is not closed', () => signed().replace('</samlp:Response>', ''), 'xml_refused'],
    ['an encoding that is not UTF-8', () => `<?xml version="1.0" encoding="UTF-7"?>${signed()}`, 'xml_refused'],
    [
      'elements in elements without end',
      () =>
        signed()
          .replace('<samlp:Status>', `<samlp:Status>${'<samlp:StatusCode>'.repeat(100)}`)
          .replace('</samlp:Status>', `${'</samlp:StatusCode>'.repeat(100)}</samlp:Status>`),
      'xml_refused',
    ],
    [
      'more elements than anybody sends',
      () => signed().replace('</samlp:Status>', `${'<a/>'.repeat(20_000)}</samlp:Status>`),
      'xml_refused',
    ],
  ]);
  test('bytes that are no UTF-8', async () => {
    expect(await refusal(btoa('\xff\xfe<\x00'))).toBe('xml_refused');
  });
  test('what is no base64', async () => {
    expect(await refusal('<samlp:Response/>')).toBe('xml_refused');
    expect(await refusal('')).toBe('xml_refused');
  });
  test('a message larger than any, before it is decoded or parsed', async () => {
    expect(await refusal(encode(`<a>${'x'.repeat(MAX_SAML_BYTES)}</a>`))).toBe('too_large');
    expect(await refusal('A'.repeat(4 * MAX_SAML_BYTES))).toBe('too_large');
  });
  test('a deflated message is not inflated', async () => {
    const bomb = new Blob([' '.repeat(8 * 1024 * 1024) + signed()])
      .stream()
      .pipeThrough(new CompressionStream('deflate-raw'));
    const bytes = new Uint8Array(await new Response(bomb).arrayBuffer());
    expect(await refusal(btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')))).toBe('xml_refused');
  });
});

describe('a right signature under what is not for us, or not now', () => {
  const says = (parts: Parameters<typeof assertionXml>[0]) => () => signed(responseXml(assertionXml(parts)));
  const response = (parts: Parameters<typeof responseXml>[1]) => () => signed(responseXml(assertionXml(), parts));
  const conditions = (inside: string, more = '') => `<saml:Conditions${more}>${inside}</saml:Conditions>`;
  const ours =
    '<saml:AudienceRestriction><saml:Audience>https://gatehouse.example.com/saml/metadata</saml:Audience></saml:AudienceRestriction>';
  const confirmation = (data: string, method = 'bearer') =>
    `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:${method}">${data}</saml:SubjectConfirmation>`;
  const data = (more: string) =>
    `<saml:SubjectConfirmationData Recipient="https://gatehouse.example.com/saml/acs" InResponseTo="_request" ${more}/>`;
  refused([
    ['another audience', says({ audience: 'https://other.example/metadata' }), 'audience_wrong'],
    [
      'an audience that begins like ours',
      says({ audience: 'https://gatehouse.example.com/saml/metadata.evil' }),
      'audience_wrong',
    ],
    ['no audience', says({ conditions: conditions('', ` NotOnOrAfter="${at(300)}"`) }), 'audience_wrong'],
    [
      'two audiences that both have to hold',
      says({ conditions: conditions(ours + ours.replace('gatehouse', 'other')) }),
      'audience_wrong',
    ],
    [
      'a condition that we do not know',
      says({ conditions: conditions(`${ours}<x:Only xmlns:x="urn:x"/>`) }),
      'condition_unknown',
    ],
    ['another recipient', says({ recipient: 'https://other.example/acs' }), 'recipient_wrong'],
    ['another destination', response({ destination: 'https://other.example/acs' }), 'destination_wrong'],
    ['no destination', () => signed(BODY().replace(/ Destination="[^"]*"/, '')), 'destination_wrong'],
    ['another issuer of the assertion', says({ issuer: 'https://evil.example' }), 'issuer_wrong'],
    ['another issuer of the response', response({ issuer: 'https://evil.example' }), 'issuer_wrong'],
    ['expired: its confirmation', says({ until: at(-61) }), 'assertion_expired'],
    [
      'expired: its conditions',
      says({ conditions: conditions(ours, ` NotOnOrAfter="${at(-61)}"`) }),
      'assertion_expired',
    ],
    [
      'expired: the session at the provider',
      says({ authentication: `<saml:AuthnStatement AuthnInstant="${at(-60)}" SessionNotOnOrAfter="${at(-1)}"/>` }),
      'assertion_expired',
    ],
    [
      'made long ago, and good for ever',
      says({ issued: at(-700), until: at(1e8), conditions: conditions(ours) }),
      'assertion_expired',
    ],
    ['not yet: its conditions', says({ conditions: conditions(ours, ` NotBefore="${at(61)}"`) }), 'assertion_early'],
    ['not yet: made in the future', says({ issued: at(61) }), 'assertion_early'],
    ['a time that is none', says({ conditions: conditions(ours, ' NotOnOrAfter="never"') }), 'assertion_expired'],
    ['a time without its zone', says({ until: '2099-01-01T00:00:00' }), 'confirmation_missing'],
    [
      "the answer to another browser's request",
      () =>
        signed(responseXml(assertionXml({ answers: ' InResponseTo="_other"' }), { answers: ' InResponseTo="_other"' })),
      'request_wrong',
    ],
    ['an assertion that answers another request', says({ answers: ' InResponseTo="_other"' }), 'request_wrong'],
    ['an assertion that answers none', says({ answers: '' }), 'unsolicited'],
    ['no confirmation', says({ confirmation: '' }), 'confirmation_missing'],
    ['a confirmation without data', says({ confirmation: confirmation('') }), 'confirmation_missing'],
    ['a confirmation without an end', says({ confirmation: confirmation(data('')) }), 'confirmation_missing'],
    [
      'a confirmation with a beginning',
      says({ confirmation: confirmation(data(`NotBefore="${at(-5)}" NotOnOrAfter="${at(300)}"`)) }),
      'confirmation_missing',
    ],
    [
      'a confirmation by a key',
      says({ confirmation: confirmation(data(`NotOnOrAfter="${at(300)}"`), 'holder-of-key') }),
      'confirmation_missing',
    ],
    [
      'two subjects',
      () => signed(BODY().replace(/<saml:Subject>.*<\/saml:Subject>/, (subject) => subject + subject)),
      'structure_wrong',
    ],
    [
      'two names',
      says({ nameId: '<saml:NameID>alice</saml:NameID><saml:NameID>admin</saml:NameID>' }),
      'subject_wrong',
    ],
    ['an empty name', says({ nameId: '<saml:NameID> </saml:NameID>' }), 'subject_wrong'],
    [
      'advice with an assertion in it',
      () => signed(BODY().replace('</saml:Conditions>', `</saml:Conditions><saml:Advice>${evil()}</saml:Advice>`)),
      'structure_wrong',
    ],
    [
      'advice',
      () => signed(BODY().replace('</saml:Conditions>', '</saml:Conditions><saml:Advice/>')),
      'structure_wrong',
    ],
    [
      'two sign-ins',
      () =>
        signed(BODY().replace(/<saml:AuthnStatement.*<\/saml:AuthnStatement>/, (statement) => statement + statement)),
      'authentication_wrong',
    ],
    [
      'a sign-in in the future',
      says({ authentication: `<saml:AuthnStatement AuthnInstant="${at(3600)}"/>` }),
      'authentication_wrong',
    ],
    [
      'another version',
      () => signed(BODY().replace('ID="_assertion" Version="2.0"', 'ID="_assertion" Version="1.1"')),
      'structure_wrong',
    ],
    ['a sign-in that failed', response({ status: 'Responder' }), 'provider_refused'],
    ['a sign-in that failed, without an assertion', () => responseXml('', { status: 'Requester' }), 'provider_refused'],
    [
      'success, and nobody',
      () => sign(responseXml(''), key, { id: '_response' }),
      'structure_wrong',
      { signed: 'response' },
    ],
  ]);
});

describe('encrypted assertions', () => {
  const sealed = async (plain: string, mode?: 'gcm' | 'cbc') => responseXml(await encrypt(plain, ours, mode));
  const cases: readonly (readonly [string, () => Promise<string>, string])[] = [
    ['that nobody signed', () => sealed(assertionXml()), 'signature_missing'],
    ["with somebody else's signature", () => sealed(sign(assertionXml(), attacker)), 'signature_wrong'],
    [
      'for another key',
      async () => responseXml(await encrypt(sign(assertionXml(), key), attacker)),
      'decryption_failed',
    ],
    ['with two assertions in them', () => sealed(sign(assertionXml(), key) + evil()), 'decryption_failed'],
    [
      'with the signed one inside another',
      () => sealed(inside(evil(), sign(assertionXml(), key))),
      'decryption_failed',
    ],
    ['with a document type', () => sealed(`<!DOCTYPE x>${sign(assertionXml(), key)}`), 'decryption_failed'],
    ['with a response inside', () => sealed(signed()), 'decryption_failed'],
    ['changed on the way (AES-GCM)', async () => flipped(await sealed(sign(assertionXml(), key))), 'decryption_failed'],
    [
      'beside a plain one',
      async () =>
        responseXml(assertionOf(signed()) + (await encrypt(sign(assertionXml(EVIL), key, { id: '_evil' }), ours))),
      'structure_wrong',
    ],
    [
      'under RSA PKCS #1 v1.5',
      async () => (await sealed(sign(assertionXml(), key))).replace('rsa-oaep-mgf1p', 'rsa-1_5'),
      'decryption_failed',
    ],
    [
      'under 3DES',
      async () =>
        (await sealed(sign(assertionXml(), key))).replace(
          'http://www.w3.org/2009/xmlenc11#aes128-gcm',
          'http://www.w3.org/2001/04/xmlenc#tripledes-cbc',
        ),
      'decryption_failed',
    ],
  ];
  test.each(cases)('%s', async (_what, build, fault) => {
    expect(await refusal(encode(await build()), privateKeysOf(ours))).toBe(fault);
  });
  test('an oracle of AES-CBC answers one thing, wherever it fails', async () => {
    const right = await sealed(sign(assertionXml(), key), 'cbc');
    const answers = new Set<unknown>();
    for (const distance of [1, 17, 40, 200])
      answers.add(await refusal(encode(flipped(right, distance)), privateKeysOf(ours)));
    expect([...answers]).toEqual(['decryption_failed']);
  });
  test('without a key of ours nothing is opened', async () => {
    expect(await refusal(encode(await sealed(sign(assertionXml(), key))))).toBe('decryption_failed');
  });

  /** One bit of the content, `distance` bytes before its end. */
  function flipped(xml: string, distance = 40): string {
    return xml.replace(
      /([A-Za-z0-9+/=]+)(<\/xenc:CipherValue><\/xenc:CipherData><\/xenc:EncryptedData>)/,
      (_all, text, rest) => {
        const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        const index = bytes.length - distance;
        bytes[index] = (bytes[index] ?? 0) ^ 1;
        return btoa(String.fromCharCode(...bytes)) + rest;
      },
    );
  }
});

// A SAML identity provider that signs whatever a test wants signed, and a service provider that trusts it.

import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { SignedXml } from 'xml-crypto';
import { toBase64 } from '../../core/scram.ts';
import { secret } from '../../core/secret.ts';
import { fixedMetadata } from '../identity/saml/idp-metadata.ts';
import { SamlProvider, type SamlSettings } from '../identity/saml/provider.ts';

const IDP = 'https://idp.example/metadata';
export const SP = 'https://gatehouse.example.com/saml/metadata';
export const CONSUMER = 'https://gatehouse.example.com/saml/acs';
export const NOW = Date.parse('2026-11-20T10:00:00Z');
export const ATTEMPT = { id: '_request', at: NOW - 5000, returnTo: '/grants' };
export const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

export interface TestKey {
  /** PEM, PKCS #8 */
  readonly privateKey: string;
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  /** DER */
  readonly certificate: Uint8Array<ArrayBuffer>;
  readonly spki: string;
}

export async function newKey(bits = 2048): Promise<TestKey> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength: bits,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=of the tests',
    notBefore: new Date('2020-01-01'),
    // Nobody looks at it: the key in the metadata is what is trusted.
    notAfter: new Date('2021-01-01'),
    signingAlgorithm: algorithm,
    keys,
  });
  const pkcs8 = new Uint8Array((await crypto.subtle.exportKey('pkcs8', keys.privateKey)) as ArrayBuffer);
  return {
    privateKey: pem('PRIVATE KEY', pkcs8),
    pkcs8,
    certificate: new Uint8Array(certificate.rawData),
    spki: certificate.publicKey.toString('pem'),
  };
}

export const pem = (label: string, der: Uint8Array) =>
  `-----BEGIN ${label}-----\n${toBase64(der)}\n-----END ${label}-----\n`;

export function idpMetadata(
  keys: readonly TestKey[],
  more: { readonly role?: string; readonly bindings?: string } = {},
) {
  const certificates = keys.map(
    ({ certificate }) =>
      `<KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${toBase64(certificate)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></KeyDescriptor>`,
  );
  const service = (binding: string) =>
    `<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-${binding}" Location="https://idp.example/sso?tenant=1"/>`;
  return `<?xml version="1.0"?><!-- written by hand --><EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="${IDP}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" ${more.role ?? ''}>${certificates.join('')}${(more.bindings ?? 'Redirect POST').split(' ').map(service).join('')}</IDPSSODescriptor></EntityDescriptor>`;
}

export function serviceProvider(keys: readonly TestKey[], change: Partial<SamlSettings> = {}): SamlProvider {
  return new SamlProvider({
    idp: fixedMetadata(idpMetadata(keys), undefined),
    entityId: SP,
    consumerUrl: CONSUMER,
    providerName: 'corp',
    privateKeys: undefined,
    certificates: [],
    signed: 'assertion',
    nameIdFormat: 'any',
    subjectAttribute: undefined,
    emailAttribute: 'email',
    nameAttribute: 'displayName',
    groupsAttribute: 'groups',
    groupsRequired: true,
    emailDomains: [],
    forceAuthn: false,
    contexts: [],
    idpInitiated: false,
    ...change,
  });
}

export const privateKeysOf = (...keys: readonly TestKey[]) => ({
  privateKeys: secret(keys.map(({ pkcs8 }) => pkcs8)),
  certificates: keys.map(({ certificate }) => certificate),
});

interface AssertionParts {
  readonly id?: string;
  readonly issued?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly nameId?: string;
  readonly confirmation?: string;
  readonly recipient?: string;
  readonly until?: string;
  readonly answers?: string;
  readonly conditions?: string;
  readonly audience?: string;
  readonly authentication?: string;
  readonly attributes?: string;
}

export const attribute = (name: string, ...values: readonly string[]) =>
  `<saml:Attribute Name="${name}">${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`;

export function assertionXml(parts: AssertionParts = {}): string {
  const answers = parts.answers ?? ' InResponseTo="_request"';
  const nameId = parts.nameId ?? '<saml:NameID>alice</saml:NameID>';
  const confirmation =
    parts.confirmation ??
    `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData${answers} Recipient="${parts.recipient ?? CONSUMER}" NotOnOrAfter="${parts.until ?? at(300)}"/></saml:SubjectConfirmation>`;
  const subject = parts.subject ?? `<saml:Subject>${nameId}${confirmation}</saml:Subject>`;
  const conditions =
    parts.conditions ??
    `<saml:Conditions NotBefore="${at(-30)}" NotOnOrAfter="${at(300)}"><saml:AudienceRestriction><saml:Audience>${parts.audience ?? SP}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`;
  const authentication =
    parts.authentication ??
    `<saml:AuthnStatement AuthnInstant="${at(-60)}" SessionIndex="_s"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`;
  const attributes = parts.attributes ?? attribute('email', 'Alice@Example.com') + attribute('groups', 'dba', 'eng');
  const statement = attributes === '' ? '' : `<saml:AttributeStatement>${attributes}</saml:AttributeStatement>`;
  return `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="${parts.id ?? '_assertion'}" Version="2.0" IssueInstant="${parts.issued ?? at(-1)}"><saml:Issuer>${parts.issuer ?? IDP}</saml:Issuer>${subject}${conditions}${authentication}${statement}</saml:Assertion>`;
}

export function responseXml(
  inside: string,
  {
    id = '_response',
    destination = CONSUMER,
    answers = ' InResponseTo="_request"',
    issuer = IDP,
    status = 'Success',
  } = {},
): string {
  return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${id}" Version="2.0" IssueInstant="${at(-1)}" Destination="${destination}"${answers}><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${status}"/></samlp:Status>${inside}</samlp:Response>`;
}

const C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';

export interface Signing {
  readonly id?: string;
  readonly algorithm?: string;
  readonly digest?: string;
  readonly canonicalization?: string;
  readonly transforms?: readonly string[];
  readonly references?: readonly string[];
  /** The public half, as the secret of an HMAC. */
  readonly hmac?: boolean;
}

/** Signs the element of the id, behind its issuer. */
export function sign(xml: string, key: TestKey, how: Signing = {}): string {
  const id = how.id ?? '_assertion';
  const signer = new SignedXml({
    privateKey: how.hmac ? key.spki : key.privateKey,
    publicCert: pem('CERTIFICATE', key.certificate),
    signatureAlgorithm: how.hmac
      ? 'http://www.w3.org/2000/09/xmldsig#hmac-sha1'
      : (how.algorithm ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'),
    canonicalizationAlgorithm: how.canonicalization ?? C14N,
  });
  if (how.hmac) signer.enableHMAC();
  for (const reference of how.references ?? [id])
    signer.addReference({
      xpath: `//*[@ID='${reference}']`,
      transforms: how.transforms ?? ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', C14N],
      digestAlgorithm: how.digest ?? 'http://www.w3.org/2001/04/xmlenc#sha256',
    });
  signer.computeSignature(xml, {
    location: { reference: `//*[@ID='${id}']/*[local-name(.)='Issuer']`, action: 'after' },
    prefix: 'ds',
  });
  return signer.getSignedXml();
}

export const encode = (xml: string) => toBase64(new TextEncoder().encode(xml));

/** As an EncryptedAssertion. `mode`: CBC has the padding of XML Encryption. */
export async function encrypt(plain: string, to: TestKey, mode: 'gcm' | 'cbc' = 'gcm'): Promise<string> {
  const content = new TextEncoder().encode(plain);
  const name = mode === 'gcm' ? 'AES-GCM' : 'AES-CBC';
  const key = (await crypto.subtle.generateKey({ name, length: 128 }, true, ['encrypt'])) as CryptoKey;
  const iv = crypto.getRandomValues(new Uint8Array(mode === 'gcm' ? 12 : 16));
  let sealed = new Uint8Array(
    await crypto.subtle.encrypt({ name, iv }, key, mode === 'gcm' ? content : padded(content)),
  );
  // WebCrypto's own block of padding goes.
  if (mode === 'cbc') sealed = sealed.subarray(0, -16);
  const spki = Uint8Array.from(atob(to.spki.replace(/-----[^-]+-----|\s/g, '')), (character) =>
    character.charCodeAt(0),
  );
  const oaep = { name: 'RSA-OAEP', hash: 'SHA-1' };
  const wrapper = await crypto.subtle.importKey('spki', spki, oaep, false, ['encrypt']);
  const raw = (await crypto.subtle.exportKey('raw', key)) as ArrayBuffer;
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: 'RSA-OAEP' }, wrapper, raw));
  const algorithm =
    mode === 'gcm' ? 'http://www.w3.org/2009/xmlenc11#aes128-gcm' : 'http://www.w3.org/2001/04/xmlenc#aes128-cbc';
  return `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="${algorithm}"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue>${toBase64(wrapped)}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>${toBase64(new Uint8Array([...iv, ...sealed]))}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>`;
}

function padded(content: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = 16 - (content.length % 16);
  const whole = crypto.getRandomValues(new Uint8Array(content.length + length));
  whole.set(content);
  whole[whole.length - 1] = length;
  return whole;
}

// A throw-away certificate authority for tests.

import 'reflect-metadata'; // @peculiar/x509 asks for it, loaded before
import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  /** A certificate for these names and addresses, and its key, PEM. */
  issue(names: readonly string[]): Promise<{ cert: string; key: string }>;
}

export async function createAuthority(name = 'Test authority'): Promise<TestAuthority> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    ca: pemOf(ca),
    async issue(names) {
      const subjectKeys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const certificate = await X509CertificateGenerator.create({
        subject: `CN=${names[0] ?? 'test'}`,
        issuer: ca.subject,
        publicKey: subjectKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        notBefore: new Date(Date.now() - DAY_MS),
        notAfter: new Date(Date.now() + DAY_MS),
        extensions: [
          new SubjectAlternativeNameExtension(
            names.map((value) => ({ type: /^[\d.:]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
          ),
        ],
      });
      const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', subjectKeys.privateKey));
      const base64 = (pkcs8.toString('base64').match(/.{1,64}/g) ?? []).join('\n');
      return { cert: pemOf(certificate), key: `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n` };
    },
  };
}

const pemOf = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`;

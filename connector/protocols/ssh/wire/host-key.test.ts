import { expect, test } from 'vitest';
import { certificateType, type CertificateTerms, writeCertificate } from '../../../../core/ssh/certificate.ts';
import { blobOf } from '../../../../core/ssh/fields.ts';
import { ED25519, publicKeyLine, readPublicKey } from '../../../../core/ssh/public-key.ts';
import { HostCertificate } from './host-key.ts';

const key = readPublicKey(blobOf(ED25519, new Uint8Array(32).fill(7)));

async function line(validAfter: number, validBefore: number): Promise<string> {
  if (!key) throw new Error('the key cannot be read');
  const terms: CertificateTerms = {
    ...{ serial: 1n, type: 'host', keyId: 'gateway', principals: ['gw.example.com'] },
    ...{ validAfter: BigInt(validAfter), validBefore: BigInt(validBefore) },
    ...{ criticalOptions: new Map(), extensions: new Map() },
  };
  const blob = await writeCertificate(key, terms, new Uint8Array(32), key.blob, async () => blobOf('x', 'x'));
  return publicKeyLine(certificateType(key.type), blob);
}

test('a host certificate is shown until it ends, and the next one then', async () => {
  let seconds = 100;
  const held = new HostCertificate({ getPublicSSH: () => Buffer.from(key?.blob ?? []) }, () => seconds * 1000);
  expect(held.current).toBeUndefined();
  expect(held.take(await line(50, 150))).toBe(150_000);
  const first = held.current;
  expect(first).toBeDefined();
  expect([held.take(await line(101, 200)), held.take(await line(50, 100)), held.take('')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(held.current).toBe(first);
  seconds = 150;
  expect(held.current).toBeUndefined();
  expect(held.take(await line(140, 300))).toBe(300_000);
  expect(held.current).toBeDefined();
});

// Gatehouse's own certificate authority: signs the listeners of connectors that joined, for names
// they announced, for 30 days. Its key is made on first use and stored wrapped (AES-256-GCM) under
// a key derived from EDGE_SECRET.

import 'reflect-metadata';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';
import type { StoredAuthority } from '../ports/directory.ts';
import { unwrapKey, wrapKey } from './wrapped-key.ts';

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_MS = 3650 * DAY_MS;
const CERTIFICATE_MS = 30 * DAY_MS;
/** For clocks that run behind. */
const BACKDATED_MS = 10 * 60_000;

interface AuthorityStore {
  authority(): Promise<StoredAuthority | undefined>;
  /** Answers with the one that is stored, which may be another caller's. */
  keepAuthority(made: StoredAuthority): Promise<StoredAuthority>;
}

interface IssuedCertificate {
  /** PEM. */
  readonly certificate: string;
  readonly authority: string;
  readonly notAfter: string;
}

export type CertificateFault =
  | { readonly reason: 'request_malformed' | 'key_weak' | 'name_missing' }
  | { readonly reason: 'name_not_allowed'; readonly name: string };

export class CertificateAuthority {
  readonly #store: AuthorityStore;
  readonly #edgeSecret: Secret<Uint8Array<ArrayBuffer>>;
  readonly #title: string;

  constructor(store: AuthorityStore, edgeSecret: Secret<Uint8Array<ArrayBuffer>>, title: string) {
    this.#store = store;
    this.#edgeSecret = edgeSecret;
    this.#title = title;
  }

  /** PEM, for clients' `sslrootcert`. */
  async certificate(): Promise<string> {
    return (await this.#load()).certificate;
  }

  /** Signs when every name in the request is one of `allowed` (DNS names in lower case, or IP addresses). */
  async sign(
    csr: string,
    subject: string,
    allowed: ReadonlySet<string>,
    now: number,
  ): Promise<Result<IssuedCertificate, CertificateFault>> {
    const request = await readRequest(csr);
    if (!request) return err({ reason: 'request_malformed' });
    if (!isStrongKey(request.publicKey.algorithm)) return err({ reason: 'key_weak' });
    const extension = request.getExtension(SUBJECT_ALTERNATIVE_NAME);
    const names = extension instanceof SubjectAlternativeNameExtension ? extension.names.items : [];
    if (names.length === 0 || names.length > 100) return err({ reason: 'name_missing' });
    for (const name of names) {
      const plain = name.type === 'dns' || name.type === 'ip' ? name.value.toLowerCase() : '';
      if (!allowed.has(plain)) return err({ reason: 'name_not_allowed', name: name.value.slice(0, 253) });
    }
    const stored = await this.#load();
    const authority = new X509Certificate(stored.certificate);
    const notAfter = new Date(now + CERTIFICATE_MS);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: `CN=${subject}`,
      issuer: authority.subject,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter,
      publicKey: request.publicKey,
      signingKey: await unwrapKey(this.#edgeSecret, stored.wrappedKey, KEY_ALGORITHM),
      signingAlgorithm: SIGNING,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(names.map((name) => ({ type: name.type, value: name.value }))),
        await SubjectKeyIdentifierExtension.create(request.publicKey),
        await AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ],
    });
    return ok({
      certificate: `${certificate.toString('pem')}\n`,
      authority: stored.certificate,
      notAfter: notAfter.toISOString(),
    });
  }

  async #load(): Promise<StoredAuthority> {
    return (await this.#store.authority()) ?? (await this.#store.keepAuthority(await this.#make()));
  }

  async #make(): Promise<StoredAuthority> {
    const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
    if (!('privateKey' in keys)) throw new Error('expected a key pair');
    const now = Date.now();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerial(),
      name: `CN=${this.#title}`,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + AUTHORITY_MS),
      keys,
      signingAlgorithm: SIGNING,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return {
      certificate: `${certificate.toString('pem')}\n`,
      wrappedKey: await wrapKey(this.#edgeSecret, keys.privateKey),
    };
  }
}

async function readRequest(csr: string): Promise<Pkcs10CertificateRequest | undefined> {
  try {
    const request = new Pkcs10CertificateRequest(csr);
    return (await request.verify()) ? request : undefined;
  } catch {
    return undefined;
  }
}

function isStrongKey(algorithm: object): boolean {
  const name = Reflect.get(algorithm, 'name');
  if (name === 'ECDSA') return ['P-256', 'P-384'].includes(String(Reflect.get(algorithm, 'namedCurve')));
  if (name === 'RSASSA-PKCS1-v1_5') return Number(Reflect.get(algorithm, 'modulusLength')) >= 2048;
  return name === 'Ed25519';
}

/** 127 random bits: RFC 5280 wants a positive number of at most 20 bytes. */
function newSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The SSH authorities: one certifies the keys of people for their grants, the other the host keys of connectors' listeners.
// Two, so that neither's certificates can be taken for the other's whatever a reader looks at. Ed25519; made on first
// use, the private halves stored as the other authority's is (wrapped-key.ts).

import { type CertificateTerms, certificateType, writeCertificate } from '../../core/ssh/certificate.ts';
import { blobOf } from '../../core/ssh/fields.ts';
import { ED25519, publicKeyLine, type SshPublicKey } from '../../core/ssh/public-key.ts';
import { fromBase64, toBase64 } from '../../core/scram.ts';
import type { Secret } from '../../core/secret.ts';
import type { SshAuthorityUse, StoredSshAuthority } from '../ports/directory.ts';
import { unwrapKey, wrapKey } from './wrapped-key.ts';

const ALGORITHM = { name: 'Ed25519' } as const;
const NONCE_BYTES = 32;

interface SshAuthorityStore {
  sshAuthority(use: SshAuthorityUse): Promise<StoredSshAuthority | undefined>;
  /** Answers with the one that is stored, which may be another caller's. */
  keepSshAuthority(use: SshAuthorityUse, made: StoredSshAuthority): Promise<StoredSshAuthority>;
}

export class SshAuthority {
  readonly #store: SshAuthorityStore;
  readonly #edgeSecret: Secret<Uint8Array<ArrayBuffer>>;
  readonly #use: SshAuthorityUse;

  constructor(store: SshAuthorityStore, edgeSecret: Secret<Uint8Array<ArrayBuffer>>, use: SshAuthorityUse) {
    this.#store = store;
    this.#edgeSecret = edgeSecret;
    this.#use = use;
  }

  /** `ssh-ed25519 AAAA...`. */
  async publicLine(): Promise<string> {
    return publicKeyLine(ED25519, wireForm(await this.#load()));
  }

  /** `ssh-ed25519-cert-v01@openssh.com AAAA...`: what a file that ends in `-cert.pub` holds. */
  async certify(
    key: SshPublicKey,
    terms: Omit<CertificateTerms, 'type'>,
    random: (count: number) => Uint8Array,
  ): Promise<string> {
    const stored = await this.#load();
    const signing = await unwrapKey(this.#edgeSecret, stored.wrappedKey, ALGORITHM);
    const certificate = await writeCertificate(
      key,
      { ...terms, type: this.#use },
      random(NONCE_BYTES),
      wireForm(stored),
      async (data) => blobOf(ED25519, new Uint8Array(await crypto.subtle.sign(ALGORITHM, signing, data))),
    );
    return publicKeyLine(certificateType(key.type), certificate);
  }

  async #load(): Promise<StoredSshAuthority> {
    return (
      (await this.#store.sshAuthority(this.#use)) ?? (await this.#store.keepSshAuthority(this.#use, await this.#make()))
    );
  }

  async #make(): Promise<StoredSshAuthority> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    if (!('privateKey' in keys)) throw new Error('expected a key pair');
    const point = await crypto.subtle.exportKey('raw', keys.publicKey);
    if (!(point instanceof ArrayBuffer)) throw new Error('expected the bytes of a point');
    return {
      publicKey: toBase64(new Uint8Array(point)),
      wrappedKey: await wrapKey(this.#edgeSecret, keys.privateKey),
    };
  }
}

const wireForm = ({ publicKey }: StoredSshAuthority): Uint8Array => blobOf(ED25519, fromBase64(publicKey));

// OpenSSH's certificates: reading and writing (PROTOCOL.certkeys of OpenSSH, draft-miller-ssh-cert).
//
//    string type, `ssh-ed25519-cert-v01@openssh.com` | string nonce | fields of the certified key
//    uint64 serial | uint32 1: user, 2: host | string key id | string principals: strings
//    uint64 valid after | uint64 valid before: seconds since the epoch, the second one excluded
//    string critical options: (string name | string data)... | string extensions: the same | string reserved
//    string the authority's key | string signature over all before it

import { blobOf, type WireFields, readWhole } from './fields.ts';
import { readKeyParts, type SshPublicKey } from './public-key.ts';

const SUFFIX = '-cert-v01@openssh.com';
const TYPES = { user: 1, host: 2 } as const;
const MAX_CERTIFICATE_BYTES = 16_384;
/** As OpenSSH has it (SSHKEY_CERT_MAX_PRINCIPALS). */
export const MAX_PRINCIPALS = 256;
const MAX_OPTIONS = 64;

/** What an authority says of a key. */
export interface CertificateTerms {
  readonly serial: bigint;
  readonly type: keyof typeof TYPES;
  readonly keyId: string;
  readonly principals: readonly string[];
  /** Seconds since the epoch. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  /** By name; data is as it is on the wire. */
  readonly criticalOptions: ReadonlyMap<string, Uint8Array>;
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

export interface SshCertificate extends CertificateTerms {
  /** The certified one. */
  readonly key: SshPublicKey;
  /** As it is on the wire. */
  readonly authority: Uint8Array;
  /** What the authority signed, and by what. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

export const certificateType = (keyType: string): string => keyType + SUFFIX;

/** The algorithm of the key within: `rsa-sha2-512` of `rsa-sha2-512-cert-v01@openssh.com`. Undefined: it is no certificate's. */
export const withoutCertificate = (algorithm: string): string | undefined =>
  algorithm.endsWith(SUFFIX) ? algorithm.slice(0, -SUFFIX.length) : undefined;

/** Reads one, and proves nothing of it. Undefined: it is none, or of a key that is not taken. */
export function readCertificate(blob: Uint8Array): SshCertificate | undefined {
  if (blob.length > MAX_CERTIFICATE_BYTES) return undefined;
  return readWhole(blob, (fields): SshCertificate | undefined => {
    const keyType = withoutCertificate(fields.text());
    if (keyType === undefined) return undefined;
    fields.string();
    const from = fields.at;
    const parts = readKeyParts(keyType, fields);
    if (!parts) return undefined;
    const plain = blob.subarray(from, fields.at);
    const key = { type: keyType, parts, fields: plain, blob: blobOf(keyType, { plain }) };
    const serial = fields.uint64();
    const number = fields.uint32();
    const type = ([undefined, 'user', 'host'] as const)[number];
    const keyId = fields.text();
    const principals = readWhole(fields.string(), readPrincipals);
    const [validAfter, validBefore] = [fields.uint64(), fields.uint64()];
    const criticalOptions = readWhole(fields.string(), readOptions);
    const extensions = readWhole(fields.string(), readOptions);
    fields.string();
    const authority = fields.string();
    const signed = blob.subarray(0, fields.at);
    const signature = fields.string();
    if (!type || !principals || !criticalOptions || !extensions) return undefined;
    const terms = { serial, type, keyId, principals, validAfter, validBefore, criticalOptions, extensions };
    return { ...terms, key, authority, signed, signature };
  });
}

function readPrincipals(fields: WireFields): string[] | undefined {
  const principals: string[] = [];
  while (!fields.ended && principals.length <= MAX_PRINCIPALS) principals.push(fields.text());
  return principals.length <= MAX_PRINCIPALS ? principals : undefined;
}

/** In the order of their names, each once: so that nobody reads another one than the next does. */
function readOptions(fields: WireFields): Map<string, Uint8Array> | undefined {
  const options = new Map<string, Uint8Array>();
  let last = '';
  while (!fields.ended) {
    const name = fields.text();
    if (name <= last || options.size === MAX_OPTIONS) return undefined;
    options.set(name, fields.string());
    last = name;
  }
  return options;
}

/** `authority`: its key as it is on the wire; `sign` gives string algorithm | string bytes. Answers with the certificate as it is on the wire. */
export async function writeCertificate(
  key: Pick<SshPublicKey, 'type' | 'fields'>,
  terms: CertificateTerms,
  nonce: Uint8Array,
  authority: Uint8Array,
  sign: (data: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const data = blobOf(
    certificateType(key.type),
    nonce,
    { plain: key.fields },
    terms.serial,
    TYPES[terms.type],
    terms.keyId,
    blobOf(...terms.principals),
    terms.validAfter,
    terms.validBefore,
    writeOptions(terms.criticalOptions),
    writeOptions(terms.extensions),
    '',
    authority,
  );
  return blobOf({ plain: data }, await sign(data));
}

const writeOptions = (options: ReadonlyMap<string, Uint8Array>): Uint8Array =>
  blobOf(...[...options].sort(([a], [b]) => (a < b ? -1 : 1)).flat());
